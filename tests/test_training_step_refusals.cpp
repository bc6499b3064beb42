// What a step refuses: numbers that are not finite, parts that don't go together, micro-batches too
// few or too many.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "colonnade/training_step.hpp"
#include "harness.hpp"
#include "spy_transport.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::distance;
using harness::JobOptions;
using harness::meshes;
using harness::SteppingJob;

namespace {

JobOptions pairs_on(MeshShape mesh) {
  return {.model = {.widths = {5, 11, 13, 10}, .seed = 3, .layout = Layout::pair}, .mesh = mesh};
}

/// `work` must throw an agreed error about `what` and leave all parameters as they are.
void check_refused(SteppingJob& job, const std::function<void()>& work, const std::string& what) {
  std::vector<Tensor> before;
  for (const Parameter* parameter : job.model().parameters()) {
    before.push_back(parameter->value.clone());
  }
  bool agreed = false;
  try {
    work();
  } catch (const Error& error) {
    agreed = error.is_agreed();
    CHECK(std::string(error.what()).find("the " + what + " is no longer") != std::string::npos);
  }
  CHECK(agreed);
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(distance(job.model().parameters()[i]->value, before[i]) == 0);
  }
}

}  // namespace

RANKS_TEST_CASE("a loss that is not finite is an agreed error and updates nothing", "1 2 4") {
  for (const MeshShape mesh : meshes(world.size())) {
    JobOptions options = pairs_on(mesh);
    SteppingJob job(world, options);
    // The loss of a huge weight is infinite on all ranks alike, though one alone has it.
    Parameter& weight = *job.model().parameters()[0];
    if (world.rank() == 0) weight.value(0, 0) = std::numeric_limits<Scalar>::max();
    check_refused(
        job, [&] { job.step(13); }, "loss");
  }
}

RANKS_TEST_CASE("a norm that is not finite is an agreed error and updates nothing", "1-4") {
  JobOptions options = pairs_on({1, world.size()});
  SteppingJob job(world, options);
  const MeanSquare loss(job.mesh().tp(), job.model().output());
  AdamW optimizer(job.model().parameters(), {});
  TrainingStep step(job.model(), loss, optimizer, nullptr, 1);
  const auto run = [&] {
    step.begin(4, 1);
    step.add(harness::random_matrix(4, 5, "x"), harness::random_matrix(4, 10, "t"), 0);
    if (world.rank() == 0) {
      job.model().parameters()[0]->grad(0, 0) = std::numeric_limits<Scalar>::quiet_NaN();
    }
    step.finish();
  };
  check_refused(job, run, "gradients' norm");
}

TEST_CASE("a step refuses parts that don't go together") {
  std::vector<std::string> events;
  ProcessGroup tp = ProcessGroup::self(), dp = harness::spy_group("dp", events);
  Mlp fast(tp, {.widths = {9, 8}}), exact(tp, {.widths = {9, 8}, .shards = 8});
  const auto refusal = [&](Mlp& model, GradientSum kind, ProcessGroup* moments_over) {
    const MeanSquare loss(tp, model.output());
    AdamW optimizer(model.parameters(), {}, moments_over);
    DataParallel data_parallel(dp, model, kind);
    return harness::error_of([&] { TrainingStep step(model, loss, optimizer, &data_parallel); });
  };
  CHECK(refusal(fast, GradientSum::everywhere, nullptr) == "");
  CHECK(refusal(fast, GradientSum::own_run, &dp) == "");
  CHECK(refusal(exact, GradientSum::exact, &dp) == "");
  CHECK(refusal(fast, GradientSum::own_run, nullptr).find("moments_over") != std::string::npos);
  CHECK(refusal(exact, GradientSum::everywhere, nullptr).find("together only") !=
        std::string::npos);
  CHECK(refusal(fast, GradientSum::exact, nullptr).find("together only") != std::string::npos);
}

TEST_CASE("a step needs all of its micro-batches and no more") {
  ProcessGroup alone = ProcessGroup::self();
  Mlp model(alone, {.widths = {3, 2}});
  const MeanSquare loss(alone, model.output());
  AdamW optimizer(model.parameters(), {});
  TrainingStep step(model, loss, optimizer);
  const auto add = [&] {
    step.add(harness::random_matrix(4, 3, "x"), harness::random_matrix(4, 2, "t"), 0);
  };
  step.begin(8, 2);
  add();
  CHECK(harness::error_of([&] { step.finish(); }).find("wanted 2, found 1") != std::string::npos);
  add();
  CHECK(harness::error_of(add).find("wanted 2, found 2") != std::string::npos);
}
