// What a job would hold and send on eight ranks of two hosts, for each mesh, before anything runs;
// and a small step that is held to such a plan.

#include "colonnade/plan.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr int hosts = 2, ranks_per_host = 4;
constexpr Index batch = 512;

// A float job of 42 million parameters.
Job large_job(MeshShape mesh) {
  return {.model = {.widths = {1024, 4096, 4096, 4096, 1024}, .layout = Layout::pair},
          .mesh = mesh,
          .zero1 = mesh.dp > 1};
}

// Bytes that rank 0 sends to the ranks of one group in a step.
std::int64_t sent_in(const std::string& group, const Job& job, std::span<const Range> rows) {
  std::int64_t bytes = 0;
  for (const LedgerLine& line : predict_traffic(job, 0, 0, rows))
    if (line.group == group) bytes += line.bytes_sent;
  return bytes;
}

void print_plans() {
  constexpr double mib = 1024 * 1024;
  std::printf("MiB of rank 0         held                          sent in a step\n");
  std::printf("mesh         parameters  moments    all       tp        dp   between hosts\n");
  for (const MeshShape mesh : {MeshShape{1, 8}, {2, 4}, {4, 2}, {8, 1}}) {
    const Job job = large_job(mesh);
    const std::vector<Range> rows = micro_batches(batch, mesh.dp, 0, 1, 0);
    const MemoryPlan memory = predict_memory(job, 0, 0, rows);
    const bool tp_crosses = mesh.tp > ranks_per_host;
    std::printf("%-12s %10.1f %8.1f %6.1f %8.1f %9.1f   %s\n", to_string(mesh).c_str(),
                memory.parameters / mib, memory.moments / mib, memory.total() / mib,
                static_cast<double>(sent_in("tp", job, rows)) / mib,
                static_cast<double>(sent_in("dp", job, rows)) / mib, tp_crosses ? "tp" : "dp");
  }
}

// A launcher that deals ranks out in turn puts rank 1 on the second host. The mesh goes by host.
void print_order() {
  std::vector<int> node;  // of each rank, by the first rank on it
  for (int rank = 0; rank < hosts * ranks_per_host; ++rank) node.push_back(rank % hosts);
  const std::vector<int> order = mesh_order(node);
  std::printf("\nranks dealt to two hosts in turn, in a mesh of two copies:\n");
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i % ranks_per_host == 0) std::printf("  copy %zu: ranks", i / ranks_per_host);
    std::printf(" %d", order[i]);
    if (i % ranks_per_host == ranks_per_host - 1)
      std::printf(", all of host %d\n", node[static_cast<std::size_t>(order[i])]);
  }
}

// One step of a small job, counted by its process groups and held to the plan.
bool hold_to_plan(ProcessGroup& world) {
  Mesh mesh(world, {.dp = 2, .tp = 2});
  TrainingJob training(mesh, {.model = {.widths = {5, 7, 3}, .seed = 17}, .zero1 = true}, {});
  TrainingStep step(training.model(), training.loss(), training.optimizer(),
                    training.data_parallel(), {.judge_gradients = true});
  const Tensor x = sample_data(9, 5, 1, "x"), t = sample_data(9, 3, 1, "t");
  const std::vector<Range> rows = micro_batches(9, 2, mesh.dp().rank(), 1, 0);
  step.begin(9, 1);
  step.add(rows_of(x, rows[0], training.model().memory()),
           rows_of(t, rows[0], training.model().memory()), rows[0].begin);
  step.finish();

  const int tp_rank = mesh.tp().rank(), dp_rank = mesh.dp().rank();
  const auto planned = predict_traffic(training.job(), tp_rank, dp_rank, rows);
  return check(world, "\na step sends what the plan says, call by call and byte by byte",
               same_traffic(planned, counted_traffic(mesh)));
}

}  // namespace

int main() {
  print_plans();
  print_order();
  bool fine = false;
  spawn(4, [&](ProcessGroup& world) {
    const bool right = hold_to_plan(world);
    if (world.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
