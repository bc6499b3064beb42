#include "app/job.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <string>
#include <utility>

#include "colonnade/backend.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

constexpr Index default_shards = 8;
constexpr Index default_row_blocks = 1;

void check_divides(const std::string& option, Index value, const std::string& what, int ranks) {
  if (value % ranks == 0) return;
  throw Error("exact mode cannot deal out " + option + " " + std::to_string(value) + " to " + what,
              {.wanted = "a number of ranks that divides it",
               .found = std::to_string(ranks),
               .hint = "choose another --mesh or another number of ranks"});
}

void resolve_exact_mode(const ParallelOptions& parallel, Job& job, TrainerOptions& trainer) {
  job.model.shards = parallel.shards > 0 ? parallel.shards : default_shards;
  trainer.row_blocks = parallel.row_blocks > 0 ? parallel.row_blocks : default_row_blocks;
  require_power_of_two(job.model.shards, "--shards");
  require_power_of_two(trainer.row_blocks, "--row-blocks");
  check_divides("--shards", job.model.shards, "the tensor-parallel ranks", job.mesh.tp);
  check_divides("--row-blocks", trainer.row_blocks, "the data-parallel ranks", job.mesh.dp);
  if (trainer.accumulate > 1) {
    const auto blocks = static_cast<std::uint64_t>(trainer.accumulate * job.mesh.dp);
    throw Error("--accumulate doesn't go with --exact",
                {.hint = "--row-blocks " + std::to_string(std::bit_ceil(blocks)) +
                         " runs a batch in parts, and adds them in an order that doesn't depend on "
                         "the ranks"});
  }
}

void check_widths(const std::vector<Index>& widths) {
  if (widths.size() >= 2) return;
  throw Error("--widths must name the layers", {.wanted = "two widths at least, as in 784,1024,10",
                                                .found = std::to_string(widths.size())});
}

/// Sizes in bytes must be countable.
void check_sizes(const std::vector<Index>& widths, Index batch) {
  constexpr Index most = Index{1} << 50;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const Index other = std::max(widths[i + 1], batch);
    if (widths[i] <= most / other) continue;
    throw Error("--widths and --batch make tensors beyond any memory",
                {.wanted = "at most 2^50 elements each",
                 .found = std::to_string(widths[i]) + " x " + std::to_string(other)});
  }
}

void check_goes_with(bool given, const std::string& option, bool other, const std::string& with) {
  if (given && !other) throw Error(option + " goes with " + with + " only");
}

}  // namespace

Job resolve_job(MlpOptions model, const LossOptions& loss, const ParallelOptions& parallel,
                double clip, TrainerOptions& trainer, int world_size) {
  check_widths(model.widths);
  check_sizes(model.widths, trainer.batch);
  check_goes_with(parallel.shards > 0, "--shards", parallel.exact, "--exact");
  check_goes_with(parallel.row_blocks > 0, "--row-blocks", parallel.exact, "--exact");
  check_goes_with(loss.label_smoothing > 0, "--label-smoothing",
                  loss.kind == LossKind::cross_entropy, "--loss cross-entropy");
  check_goes_with(trainer.decay > 0, "--decay",
                  trainer.schedule == ScheduleKind::warmup_stable_decay,
                  "--schedule warmup-stable-decay");
  if (trainer.accumulate > trainer.batch) {
    throw Error("--accumulate cuts a batch into more micro-batches than it has rows",
                {.wanted = "at most --batch " + std::to_string(trainer.batch),
                 .found = std::to_string(trainer.accumulate)});
  }
  Job job = {.model = std::move(model),
             .loss = loss,
             .mesh = parse_mesh(parallel.mesh, world_size),
             .zero1 = parallel.zero1,
             .clip = clip,
             .scalar_bytes = sizeof(Scalar)};
  job.model.shard_output = loss.kind == LossKind::cross_entropy;
  if (parallel.overlap > 1 && parallel.exact) throw Error("--overlap doesn't go with --exact");
  job.model.row_parts = std::max(Index{1}, parallel.overlap);
  if (parallel.exact) resolve_exact_mode(parallel, job, trainer);
  return job;
}

void settle_overlap(const ParallelOptions& parallel, const TrainerOptions& trainer,
                    const ProcessGroup& tp, Job& job) {
  if (parallel.overlap > 0) return;
  const Index rows = full_batch(job, trainer, 0).front().size();
  job.model.row_parts = worthwhile_row_parts(tp, job.model, rows);
}

void check_checkpoint_options(const CheckpointOptions& options, bool loads) {
  const bool folder = !options.folder.empty();
  check_goes_with(options.every > 0, "--every", folder, "--checkpoint");
  check_goes_with(options.keep > 0, "--keep", folder, "--checkpoint");
  check_goes_with(options.resume == "auto", "--resume auto", folder, "--checkpoint");
  if (!options.resume.empty() && options.resume != "auto" && loads) {
    throw Error("--load doesn't go with --resume " + options.resume,
                {.hint = "a checkpoint has all parameters"});
  }
  check_goes_with(options.time_limit > 0, "--time-limit", folder, "--checkpoint");
}

std::vector<Range> full_batch(const Job& job, const TrainerOptions& trainer, int dp_rank) {
  return micro_batches(trainer.batch, job.mesh.dp, dp_rank, trainer.accumulate, trainer.row_blocks);
}

double present_memory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

MemoryNeed memory_need(double bytes_a_rank, const Device& device) {
  if (device.gpu_memory > 0) {
    return {bytes_a_rank, device.gpu_memory, "a rank has on " + device.gpu, "for a rank"};
  }
  return {bytes_a_rank * device.node_size, present_memory(), "node " + device.host + " has",
          "for its ranks"};
}

void check_memory(double bytes_a_rank, const Device& device) {
  const MemoryNeed need = memory_need(bytes_a_rank, device);
  if (need.bytes <= need.present) return;
  throw Error("--widths and --batch need more memory than " + need.who_has,
              {.wanted = "at most " + render_bytes(need.present),
               .found = render_bytes(need.bytes) + " " + need.for_whom,
               .hint = "use more nodes, narrower layers or a smaller batch"});
}

void print_devices(ProcessGroup& world, const Device& device) {
  const std::vector<std::string> devices = gather_text(world, describe(device, world.rank()));
  if (world.rank() != 0) return;
  std::printf("%s\n", backend_description().c_str());
  for (const std::string& line : devices) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace colonnade::app
