// The ledger's prediction against what the process groups count, for every way to cut a job, and by
// hand for one.
#include "colonnade/plan.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "harness.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::JobOptions;
using harness::SteppingJob;

namespace {

void check_ledger(ProcessGroup& world, const JobOptions& options) {
  CAPTURE(options.mesh.dp);
  CAPTURE(options.mesh.tp);
  CAPTURE(to_string(options.model.layout));
  CAPTURE(to_string(options.loss.kind));
  SteppingJob job(world, options);
  for (const Index rows : {13, 3}) {
    const auto parts = job.parts_of(rows);
    const auto want =
        predict_traffic(job.job(), job.mesh().tp().rank(), job.mesh().dp().rank(), parts);
    const auto before = counted_traffic(job.mesh());
    job.step(rows);
    const auto got = traffic_between(before, counted_traffic(job.mesh()));
    CHECK(same_traffic(want, got));
  }
}

}  // namespace

RANKS_TEST_CASE("every step sends what the formulas say", "1-8") {
  for (const MeshShape mesh : harness::meshes(world.size())) {
    for (const Layout layout : {Layout::gather, Layout::pair}) {
      for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy}) {
        for (const std::vector<Index>& widths :
             {std::vector<Index>{5, 11, 13, 10}, {7, 9, 11, 17, 10}, {3, 8}}) {
          const std::size_t turn = loss == LossKind::cross_entropy ? 4 : 5;
          if (harness::is_slow(world) && widths.size() != turn) continue;
          JobOptions options = {
              .model = {.widths = widths, .layout = layout}, .loss = {.kind = loss}, .mesh = mesh};
          check_ledger(world, options);
          options.model.bias = false;
          options.model.recompute = true;
          options.model.row_parts = 2;
          options.accumulate = 2;
          options.clip = 1;
          options.zero1 = true;
          check_ledger(world, options);
          options.model.activate_last = true;
          options.model.dropout = 0.1;
          options.model.activation = Activation::identity;
          check_ledger(world, options);
        }
      }
    }
  }
}

RANKS_TEST_CASE("exact steps send what the formulas say", "1 2 4 8") {
  for (const MeshShape mesh : harness::meshes(world.size())) {
    for (const Layout layout : {Layout::gather, Layout::pair}) {
      check_ledger(world, {.model = {.widths = {9, 21, 13, 10}, .layout = layout, .shards = 8},
                           .loss = {.kind = LossKind::cross_entropy},
                           .mesh = mesh,
                           .zero1 = true,
                           .clip = 1,
                           .row_blocks = 8});
    }
  }
}

TEST_CASE("a pair on two ranks sends two sums, by hand") {
  const Job job = {.model = {.widths = {6, 8, 4, 8, 4}, .layout = Layout::pair}, .mesh = {1, 2}};
  const std::vector<Range> rows = {{0, 10}};
  const std::vector<LedgerLine> want = {
      {"tp", "layers.1", Collective::all_reduce, 1, 10 * 4 * 4},
      // dX of the third layer, then Y of the fourth.
      {"tp", "layers.2", Collective::all_reduce, 1, 10 * 4 * 4},
      {"tp", "layers.3", Collective::all_reduce, 1, 10 * 4 * 4},
      // Eight tensors' squares, the votes and the losses that are not finite.
      {"tp", "norm", Collective::all_reduce, 1, 10 * 8},
  };
  CHECK(predict_traffic(job, 0, 0, rows) == want);
}

TEST_CASE("ledgers that differ are told apart") {
  const std::vector<LedgerLine> a = {{"tp", "x", Collective::all_reduce, 1, 8}};
  std::vector<LedgerLine> b = a;
  CHECK(same_traffic(a, b));
  b[0].bytes_sent = 9;
  CHECK_FALSE(same_traffic(a, b));
  b[0] = {"dp", "x", Collective::all_reduce, 1, 8};
  CHECK_FALSE(same_traffic(a, b));
  CHECK_FALSE(same_traffic(a, {}));
  CHECK_FALSE(same_traffic({}, a));
}

RANKS_TEST_CASE("the plan's parameters and moments are those that ranks hold", "1-8") {
  for (const MeshShape mesh : harness::meshes(world.size())) {
    for (const Layout layout : {Layout::gather, Layout::pair}) {
      JobOptions options = {.model = {.widths = {5, 11, 13, 10}, .layout = layout}, .mesh = mesh};
      options.zero1 = true;
      SteppingJob job(world, options);
      const int tp_rank = job.mesh().tp().rank(), dp_rank = job.mesh().dp().rank();
      const MemoryPlan plan = predict_memory(job.job(), tp_rank, dp_rank, job.parts_of(13));
      double values = 0, moments = 0;
      for (const Parameter* parameter : job.model().parameters()) {
        values += static_cast<double>(parameter->value.size());
        moments +=
            2 * static_cast<double>(shard_range(parameter->value.size(), mesh.dp, dp_rank).size());
      }
      CHECK(plan.parameters == values * sizeof(Scalar));
      CHECK(plan.gradients == plan.parameters);
      CHECK(plan.moments == moments * sizeof(Scalar));
      CHECK(plan.activations > 0);
    }
  }
}

TEST_CASE("exact mode keeps a copy of the gradients for each level of their tree above pairs") {
  Job job = {.model = {.widths = {16, 16}, .shards = 8}};
  const auto copies = [&](Index row_blocks) {
    const MemoryPlan plan = predict_memory(job, 0, 0, micro_batches(32, 1, 0, 1, row_blocks));
    return plan.gradients / plan.parameters;
  };
  CHECK(copies(1) == 1);
  CHECK(copies(2) == 1);
  CHECK(copies(4) == 2);
  CHECK(copies(8) == 3);
  job.model.shards = 0;  // fast mode adds one micro-batch after the other
  CHECK(predict_memory(job, 0, 0, micro_batches(32, 1, 0, 8, 0)).gradients ==
        predict_memory(job, 0, 0, micro_batches(32, 1, 0, 1, 0)).parameters);
}
