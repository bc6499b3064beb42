// A job's checks hold where the job is right, and each of them can fail: mistakes are planted in
// what it looks at.
#include "colonnade/check.hpp"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "check_tally.hpp"
#include "harness.hpp"
#ifdef COLONNADE_DOUBLE
#include "proof/checks.hpp"
#endif

using namespace colonnade;

namespace {

/// Small widths, odd where exact mode lets them be, and the mesh nearest to a square.
CheckedJob job_on(int ranks, Layout layout, LossKind loss) {
  const int dp = ranks == 4 ? 2 : 1;
  const bool sharded = loss == LossKind::cross_entropy;
  return {.job = {.model = {.widths = {5, 9, 7, 6}, .layout = layout, .shard_output = sharded},
                  .loss = {.kind = loss, .label_smoothing = sharded ? 0.1 : 0},
                  .mesh = {.dp = dp, .tp = ranks / dp},
                  .scalar_bytes = 8},
          .trainer = {.batch = 7, .epochs = 0, .steps = 3},
          .samples = 1};
}

CheckedJob exact_job_on(int ranks, Layout layout) {
  CheckedJob checked = job_on(ranks, layout, LossKind::mean_square);
  checked.job.model.widths = {5, 9, 11, 8};
  checked.job.model.shards = 4;
  checked.trainer.row_blocks = 2;
  return checked;
}

void check_holds(const std::vector<CheckLine>& lines) {
  for (const CheckLine& line : lines) {
    CAPTURE(line.what);
    CAPTURE(line.error);
    CAPTURE(line.farthest);
    CHECK(line.holds());
    CHECK(line.numbers > 0);
  }
}

}  // namespace

RANKS_TEST_CASE("exact mode has the bits of one rank, in both precisions", "1 2 4") {
  for (const Layout layout : {Layout::gather, Layout::pair}) {
    const CheckedJob checked = exact_job_on(world.size(), layout);
    check_holds({check_exact_bits(world, checked), check_exact_bits_in_double(world, checked)});
  }
}

RANKS_TEST_CASE("fast mode has other bits than one rank, and the check of exact mode says so",
                "2 4") {
  const CheckedJob checked = job_on(world.size(), Layout::pair, LossKind::mean_square);
  const CheckLine line = check_exact_bits(world, checked);
  CHECK_FALSE(line.holds());
  CHECK_FALSE(line.farthest.empty());
}

RANKS_TEST_CASE("a line is of all ranks: the largest error, NaN before all, and its place",
                "1 2 4") {
  const int last = world.size() - 1;
  CheckTally tally;
  tally.count(2);
  tally.add(world.rank() == last ? 0.5 : 0.25, [] { return std::string("here"); });
  const CheckLine line = tally.line(world, "what", 0.5);
  CHECK(line.holds());
  CHECK(line.numbers == 2 * world.size());
  CHECK(line.error == 0.5);
  CHECK(line.farthest == "here, rank " + std::to_string(last));

  if (world.rank() == last) {
    tally.add(std::numeric_limits<double>::quiet_NaN(), [] { return std::string("there"); });
  }
  tally.add(1, [] { return std::string("here"); });
  const CheckLine nan = tally.line(world, "what", 1e300);
  CHECK_FALSE(nan.holds());
  CHECK(nan.farthest == "there, rank " + std::to_string(last));
}

// check_job is the same code in either program; once is enough.
#ifdef COLONNADE_DOUBLE

namespace {

/// With all else that may change how a job is cut, and not what it computes.
CheckedJob elaborate_job_on(int ranks) {
  CheckedJob checked = job_on(ranks, Layout::pair, LossKind::cross_entropy);
  checked.job.mesh = {.dp = ranks, .tp = 1};
  if (ranks == 4) checked.job.mesh = {.dp = 2, .tp = 2};
  checked.job.zero1 = true;
  checked.job.model.dropout = 0.2;
  checked.job.model.recompute = true;
  checked.trainer.accumulate = 2;
  checked.job.clip = 0.05;
  return checked;
}

}  // namespace

RANKS_TEST_CASE("all checks of a right job hold, in either layout, with either loss", "1 2 4") {
  // The fourth combination is that of the next test.
  for (const auto& [layout, loss] : {std::pair(Layout::gather, LossKind::mean_square),
                                     std::pair(Layout::gather, LossKind::cross_entropy),
                                     std::pair(Layout::pair, LossKind::mean_square)}) {
    check_holds(check_job(world, job_on(world.size(), layout, loss)));
  }
}

RANKS_TEST_CASE("all checks hold with dropout, micro-batches, clipping and cut moments", "1 2 4") {
  check_holds(check_job(world, elaborate_job_on(world.size())));
}

RANKS_TEST_CASE("all checks hold in exact mode", "1 2 4") {
  check_holds(check_job(world, exact_job_on(world.size(), Layout::pair)));
}

RANKS_TEST_CASE("central differences find one wrong element, on one rank", "1 2 4") {
  CheckedJob checked = job_on(world.size(), Layout::pair, LossKind::mean_square);
  checked.job.model.widths = {3, 4, 3};
  checked.samples = 1000;  // all of them
  Mesh mesh(world, checked.job.mesh);
  SampleJob job(mesh, checked.job, checked.trainer);
  job.sum_gradients();
  CHECK(check_differences(job, checked).holds());
  const bool last = world.rank() == world.size() - 1;
  Parameter& bias = *job.model().parameters().back();
  if (last) bias.grad(0, 2) *= 2;  // as if this rank had summed what is complete
  const CheckLine line = check_differences(job, checked);
  CHECK_FALSE(line.holds());
  CHECK(line.farthest == "layers.1.bias [0, 2], rank " + std::to_string(world.size() - 1));
}

RANKS_TEST_CASE("the comparison with one rank finds one wrong element, on one rank", "1 2 4") {
  const CheckedJob checked = job_on(world.size(), Layout::gather, LossKind::mean_square);
  Mesh mesh(world, checked.job.mesh);
  SampleJob job(mesh, checked.job, checked.trainer);
  ProcessGroup self = ProcessGroup::self();
  Mesh one(self, {});
  SampleJob alone(one, on_one_rank(checked.job), on_one_rank(checked.trainer));
  const auto compared = [&] {
    return compare_parameters(job, alone, &Parameter::value, 1, "values", 1e-12);
  };
  CHECK(compared().error == 0);
  Parameter& weight = *job.model().parameters().front();
  if (world.rank() == 0) weight.value(1, 0) += 1e-9;
  CHECK_FALSE(compared().holds());
  CHECK(compared().farthest == "layers.0.weight [1, 0], rank 0");
}

RANKS_TEST_CASE("the check of traffic finds a message that nobody planned", "1 2 4") {
  const CheckedJob checked = job_on(world.size(), Layout::gather, LossKind::mean_square);
  Mesh mesh(world, checked.job.mesh);
  SampleJob job(mesh, checked.job, checked.trainer);
  TrafficCheck traffic(mesh, checked.job), spoilt(mesh, checked.job);
  job.train(
      [&](std::span<const Range> parts) {
        traffic.before(parts);
        spoilt.before(parts);
      },
      [&] {
        traffic.after();
        mesh.tp().barrier();
        spoilt.after();
      });
  CHECK(traffic.line().holds());
  CHECK_FALSE(spoilt.line().holds());
  CHECK(spoilt.line().farthest == "tp  barrier, rank 0");
}

#endif
