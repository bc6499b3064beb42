#include "app/job.hpp"

#include <bit>
#include <string>
#include <utility>

namespace colonnade::app {

namespace {

constexpr Index default_shards = 8;
constexpr Index default_row_blocks = 1;

void check_power_of_two(const std::string& option, Index value) {
  if (std::has_single_bit(static_cast<std::uint64_t>(value))) return;
  throw Error(option +
                  " must be a power of two: only then do the sums of runs of shards make up "
                  "the sum of all",
              {.wanted = "1, 2, 4, 8, ...", .found = std::to_string(value)});
}

void check_divides(const std::string& option, Index value, const std::string& what, int ranks) {
  if (value % ranks == 0) return;
  throw Error("exact mode cannot deal out " + option + " " + std::to_string(value) + " to " + what,
              {.wanted = "a number of ranks that divides it",
               .found = std::to_string(ranks),
               .hint = "choose another --mesh, another number of ranks, or a larger " + option});
}

void resolve_exact_mode(const ParallelOptions& parallel, Job& job, TrainerOptions& trainer) {
  job.model.shards = parallel.shards > 0 ? parallel.shards : default_shards;
  trainer.row_blocks = parallel.row_blocks > 0 ? parallel.row_blocks : default_row_blocks;
  check_power_of_two("--shards", job.model.shards);
  check_power_of_two("--row-blocks", trainer.row_blocks);
  check_divides("--shards", job.model.shards, "the tensor-parallel ranks", job.mesh.tp);
  check_divides("--row-blocks", trainer.row_blocks, "the data-parallel ranks", job.mesh.dp);
  if (trainer.accumulate > 1) {
    throw Error("--accumulate doesn't go with --exact",
                {.hint = "--row-blocks " + std::to_string(trainer.accumulate * job.mesh.dp) +
                         " runs a batch in parts, and adds them in an order that doesn't depend on "
                         "the ranks"});
  }
}

void check_goes_with(bool given, const std::string& option, bool other, const std::string& with) {
  if (given && !other) throw Error(option + " goes with " + with + " only");
}

}  // namespace

Job resolve_job(MlpOptions model, const LossOptions& loss, const ParallelOptions& parallel,
                TrainerOptions& trainer, int world_size) {
  check_goes_with(parallel.shards > 0, "--shards", parallel.exact, "--exact");
  check_goes_with(parallel.row_blocks > 0, "--row-blocks", parallel.exact, "--exact");
  check_goes_with(loss.label_smoothing > 0, "--label-smoothing",
                  loss.kind == LossKind::cross_entropy, "--loss cross-entropy");
  check_goes_with(trainer.decay > 0, "--decay",
                  trainer.schedule == ScheduleKind::warmup_stable_decay,
                  "--schedule warmup-stable-decay");
  Job job = {.model = std::move(model),
             .loss = loss,
             .mesh = parse_mesh(parallel.mesh, world_size),
             .zero1 = parallel.zero1,
             .clip = trainer.clip,
             .scalar_bytes = sizeof(Scalar)};
  job.model.shard_output = loss.kind == LossKind::cross_entropy;
  if (parallel.exact) resolve_exact_mode(parallel, job, trainer);
  return job;
}

GradientSum gradient_sum(const Job& job) {
  if (job.model.shards > 0) return GradientSum::exact;
  return job.zero1 ? GradientSum::own_run : GradientSum::everywhere;
}

}  // namespace colonnade::app
