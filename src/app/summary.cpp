#include "app/summary.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include "app/job.hpp"
#include "app/ledger.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/limits.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

void print_model(const Job& job, Index row_blocks, Index parameters) {
  const std::string copies =
      job.mesh.dp == 1 ? "" : ", in " + render_count(job.mesh.dp) + " copies";
  std::printf("model: %s parameters, cut over %d %s%s\n", render_count(parameters).c_str(),
              job.mesh.tp, job.mesh.tp == 1 ? "rank" : "ranks", copies.c_str());
  if (job.model.row_parts > 1) {
    std::printf("overlap: a batch goes through the layers in %td parts\n", job.model.row_parts);
  }
  if (job.model.shards > 0) {
    std::printf(
        "exact: %td shards a layer, %td row blocks a batch, the same bits on every mesh that "
        "divides "
        "them\n",
        job.model.shards, row_blocks);
  }
}

void print_data(const Data& data) {
  std::printf("data: %s samples of %td inputs", render_count(data.train->samples()).c_str(),
              data.train->inputs());
  if (data.test) std::printf(", %s to test", render_count(data.test->samples()).c_str());
  std::printf("\n");
  std::fflush(stdout);
}

namespace {

/// A run of this many seconds is worth the few milliseconds in which the cores' peak is measured.
constexpr double long_run = 3;

/// Multiply-adds of all ranks, as operations a second; 0 after a short run. Collective.
double peak_rate(ProcessGroup& world, double seconds) {
  if (world.all_reduce(seconds, Reduction::max) < long_run) return 0;
  return world.all_reduce(measure_fma(world, {.block_seconds = 1e-3, .blocks = 5}));
}

}  // namespace

void print_summary(ProcessGroup& world, const Mlp& model, const Totals& totals) {
  const double seconds = totals.seconds;
  const double peak = peak_rate(world, seconds);
  const std::int64_t memory =
      world.all_reduce(static_cast<std::int64_t>(peak_memory()), Reduction::max);
  const std::vector<std::int64_t> sent = world.all_gather(totals.communication.bytes_sent);
  if (world.rank() != 0) return;
  const double samples = static_cast<double>(totals.samples);
  if (totals.test && totals.test->accuracy) {
    std::printf("test accuracy     %.2f%%\n", 100 * *totals.test->accuracy);
  }
  if (totals.skipped > 0) {
    std::printf("skipped steps     %s\n", render_count(totals.skipped).c_str());
  }
  if (totals.comparisons > 0) {
    std::printf("copies compared   %s times, all the same\n",
                render_count(totals.comparisons).c_str());
  }
  if (totals.samples == 0) return;  // resumed at its end
  std::printf("training time     %s\n", render_duration(seconds).c_str());
  std::printf("samples/s         %s\n",
              render_count(static_cast<std::int64_t>(samples / seconds)).c_str());
  const double rate = model.step_flops(1) * samples / seconds;
  std::printf("GFLOP/s           %.1f", rate * 1e-9);
  if (peak > 0) std::printf(", %.1f%% of the cores' %.1f", 100 * rate / peak, peak * 1e-9);
  // Time inside of collectives: what goes on while a rank computes is not in it.
  std::printf("\ncommunication     ");
  if (totals.times_collectives) {
    std::printf("%s, %.1f%% of the time, not hidden by computing\n",
                render_duration(totals.communication.seconds).c_str(),
                100 * totals.communication.seconds / seconds);
  } else {
    std::printf("not timed, because the program waits for none; with --log it does\n");
  }
  std::printf("sent by each rank");
  for (const std::int64_t bytes : sent) {
    std::printf(" %s", render_bytes(static_cast<double>(bytes)).c_str());
  }
  // Ranks that are threads share their process.
  std::printf("\npeak memory       %s %s\n", render_bytes(static_cast<double>(memory)).c_str(),
              world.transport_name().starts_with("threads") ? "all ranks together" : "a rank");
}

void print_dry_run(const Job& job, const TrainerOptions& trainer, const Device& device) {
  Index parameters = 0;
  for (std::size_t i = 0; i + 1 < job.model.widths.size(); ++i) {
    parameters += (job.model.widths[i] + (job.model.bias ? 1 : 0)) * job.model.widths[i + 1];
  }
  const std::vector<Range> parts = full_batch(job, trainer, 0);
  print_model(job, trainer.row_blocks, parameters);
  print_plan(job, parts);
  const MemoryNeed need = memory_need(predict_memory(job, 0, 0, parts).total(), device);
  if (need.bytes > need.present) {
    std::printf("too much memory: %s %s, %s %s\n", render_bytes(need.bytes).c_str(),
                need.for_whom.c_str(), need.who_has.c_str(), render_bytes(need.present).c_str());
  }
}

}  // namespace colonnade::app
