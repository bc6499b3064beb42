// Exact mode keeps its promise: the same bits for every number of ranks that divides the shards and
// the row blocks, for every number of threads, with recomputing, dropout, clipping and moments cut.
#include <span>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/spawn.hpp"
#include "harness.hpp"
#include "spy_transport.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::JobOptions;
using harness::same_bits;
using harness::SteppingJob;

namespace {

constexpr Index shards = 8, row_blocks = 4;

JobOptions exact_job(MeshShape mesh, Layout layout, LossKind loss) {
  return {.model = {.widths = {13, 37, 24, 19, 10},
                    .seed = 5,
                    .layout = layout,
                    .dropout = 0.1,
                    .shards = shards},
          .loss = {.kind = loss, .label_smoothing = loss == LossKind::cross_entropy ? 0.1 : 0},
          .mesh = mesh,
          .clip = 0.05,
          .row_blocks = row_blocks};
}

/// What a rank's parameters are after some steps, and the losses and norms on the way.
struct Outcome {
  std::vector<double> numbers;
  std::vector<Tensor> values;
};

Outcome run(SteppingJob& job, Index rows = 29) {
  Outcome outcome;
  for (int step = 0; step < 5; ++step) {
    const StepResult result = job.step(step == 3 ? 3 : rows);  // with empty row blocks
    outcome.numbers.push_back(result.loss);
    outcome.numbers.push_back(*result.gradient_norm);
  }
  for (const Parameter* parameter : job.model().parameters()) {
    outcome.values.push_back(parameter->value.clone());
  }
  return outcome;
}

/// Holds a job on a mesh to the same job on one rank, bit by bit.
void check_bits(ProcessGroup& world, const JobOptions& options, const Outcome& want) {
  CAPTURE(options.mesh.dp);
  CAPTURE(options.mesh.tp);
  SteppingJob job(world, options);
  const Outcome got = run(job);
  CHECK(got.numbers == want.numbers);
  for (std::size_t i = 0; i < got.values.size(); ++i) {
    const Parameter& part = *job.model().parameters()[i];
    CAPTURE(part.name);
    CHECK(same_bits(got.values[i], block_of(want.values[i], part)));
  }
}

Outcome run_on_one_rank(JobOptions options, Index rows = 29) {
  options.mesh = {1, 1};
  ProcessGroup alone = ProcessGroup::self();
  SteppingJob job(alone, options);
  return run(job, rows);
}

}  // namespace

namespace {

/// What one step on two ranks asks of both groups.
std::vector<std::string> events_of_step(Layout layout, LossKind kind, Index number_of_shards) {
  std::vector<std::string> events;
  ProcessGroup tp = harness::spy_group("tp", events), dp = harness::spy_group("dp", events);
  JobOptions options = exact_job({2, 2}, layout, kind);
  options.model.shards = number_of_shards;
  options.model.shard_output = kind == LossKind::cross_entropy;
  Mlp model(tp, options.model);
  const auto loss = make_loss(options.loss, model);
  AdamW optimizer(model.parameters(), {});
  DataParallel data_parallel(dp, model,
                             number_of_shards > 0 ? GradientSum::exact : GradientSum::everywhere);
  TrainingStep step(model, *loss, optimizer, &data_parallel, {.clip = 1});
  step.begin(6, 1);
  step.add(harness::random_matrix(6, 13, "x"), Tensor::zeros(6, 10), 0);
  step.finish();
  return events;
}

}  // namespace

TEST_CASE("every sum of an exact step runs along the tree, and none needs to in fast mode") {
  // Transports may keep that order by chance: threads always do, MPI for short messages.
  for (const Layout layout : {Layout::gather, Layout::pair}) {
    for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy}) {
      for (const Index number : {Index{0}, shards}) {
        int in_order = 0, sums = 0;
        for (const std::string& event : events_of_step(layout, loss, number)) {
          if (event.find(" sum") == std::string::npos) continue;
          ++sums;
          if (event.find("along the tree") != std::string::npos) ++in_order;
        }
        CHECK(sums > 10);
        // In fast mode only those of replicated parameters do.
        CHECK((number > 0 ? in_order == sums : in_order < sums / 2));
      }
    }
  }
}

RANKS_TEST_CASE("exact mode has the same bits on every mesh", "1 2 4 8") {
  for (const Layout layout : {Layout::gather, Layout::pair}) {
    for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy}) {
      CAPTURE(to_string(layout));
      CAPTURE(to_string(loss));
      const Outcome want = run_on_one_rank(exact_job({1, 1}, layout, loss));
      for (const MeshShape mesh : harness::meshes(world.size())) {
        if (row_blocks % mesh.dp != 0) continue;
        const bool other_turn = (layout == Layout::gather) == (loss == LossKind::mean_square);
        if (harness::is_slow(world) && other_turn) continue;
        JobOptions options = exact_job(mesh, layout, loss);
        if (!harness::is_slow(world)) check_bits(world, options, want);
        options.zero1 = true;
        options.model.recompute = true;
        check_bits(world, options, want);
      }
    }
  }
}

TEST_CASE("exact mode has the same bits for every number of threads") {
  for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy}) {
    // So many rows and columns that every op shares them among threads.
    JobOptions options = exact_job({1, 1}, Layout::pair, loss);
    options.model.widths = {200, 300, 500, 300};
    options.row_blocks = 1;
    constexpr Index rows = 160;
    const auto run_on = [&](int threads) {
      const harness::Threads scope(threads);
      return run_on_one_rank(options, rows);
    };
    const Outcome want = run_on(1);
    for (const int threads : {2, 3}) {
      const Outcome got = run_on(threads);
      CHECK(got.numbers == want.numbers);
      for (std::size_t i = 0; i < got.values.size(); ++i) {
        CHECK(same_bits(got.values[i], want.values[i]));
      }
    }
  }
}

TEST_CASE("exact mode and fast mode are the same training up to rounding") {
  JobOptions exact = exact_job({1, 1}, Layout::pair, LossKind::cross_entropy);
  JobOptions fast = exact;
  fast.model.shards = 0;
  fast.row_blocks = 0;
  const Outcome a = run_on_one_rank(exact), b = run_on_one_rank(fast);
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    CHECK(harness::distance(a.values[i], b.values[i]) <= (harness::is_double ? 1e-10 : 2e-3));
  }
  // Else the comparisons above would hold of any mode.
  bool differ = false;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    differ = differ || !same_bits(a.values[i], b.values[i]);
  }
  CHECK(differ);
}

TEST_CASE("layers that are narrower than their shards are refused by name") {
  ProcessGroup alone = ProcessGroup::self();
  const auto error = [&](const std::vector<Index>& widths, Layout layout) {
    return harness::error_of(
        [&] { Mlp model(alone, {.widths = widths, .layout = layout, .shards = 8}); });
  };
  CHECK(error({20, 7, 20}, Layout::gather).find("the outputs of layers.0 among 8 shards") !=
        std::string::npos);
  CHECK(error({20, 30, 7}, Layout::gather).find("the outputs of layers.1") != std::string::npos);
  CHECK(error({20, 30, 7}, Layout::pair) == "");  // nothing cuts these 7
}
