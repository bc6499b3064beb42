// Steps on a mesh: parity of every way to cut a job with the same job on one rank, and what
// clipping, micro-batches and sharded moments must not change.
#include "colonnade/training_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "bits.hpp"
#include "harness.hpp"
#include "spy_transport.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::distance;
using harness::JobOptions;
using harness::meshes;
using harness::SteppingJob;

namespace {

// Twenty steps spread rounding through the moments' square roots; a float run keeps about four
// digits.
constexpr double after_steps = harness::is_double ? 1e-10 : 2e-3;

// Widths that 2 to 8 don't divide, an odd and an even number of layers.
const std::vector<std::vector<Index>> networks = {{5, 11, 13, 10}, {7, 9, 11, 17, 10}};

/// Runs the job and the same one on one rank side by side, and holds losses, norms and this rank's
/// parameters to one another.
void check_parity(ProcessGroup& world, const JobOptions& options, int steps) {
  CAPTURE(options.mesh.dp);
  CAPTURE(options.mesh.tp);
  CAPTURE(to_string(options.model.layout));
  CAPTURE(to_string(options.loss.kind));
  ProcessGroup alone = ProcessGroup::self();
  JobOptions plain = options;
  plain.mesh = {1, 1};
  plain.zero1 = false;
  plain.accumulate = 1;
  plain.model.recompute = false;
  SteppingJob job(world, options), whole(alone, plain);
  for (int step = 0; step < steps; ++step) {
    const Index rows = step % 3 == 2 ? 3 : 13;  // short batches leave some ranks without a row
    const StepResult got = job.step(rows), want = whole.step(rows);
    CHECK(std::abs(got.loss - want.loss) <= after_steps * std::abs(want.loss));
    CHECK(std::abs(got.gradient_norm.value() - want.gradient_norm.value()) <=
          after_steps * *want.gradient_norm);
  }
  for (std::size_t i = 0; i < whole.model().parameters().size(); ++i) {
    const Parameter& part = *job.model().parameters()[i];
    const Parameter& all = *whole.model().parameters()[i];
    CAPTURE(part.name);
    CHECK(distance(part.value, block_of(all.value, part)) <= after_steps);
  }
}

JobOptions job_on(MeshShape mesh, Layout layout, LossKind loss, const std::vector<Index>& widths) {
  return {.model = {.widths = widths, .seed = 3, .layout = layout},
          .loss = {.kind = loss, .label_smoothing = loss == LossKind::cross_entropy ? 0.1 : 0},
          .mesh = mesh};
}

/// Both layouts with both losses on every mesh of the ranks.
std::vector<JobOptions> all_jobs(const ProcessGroup& world) {
  std::vector<JobOptions> jobs;
  for (const MeshShape mesh : meshes(world.size()))
    for (const Layout layout : {Layout::gather, Layout::pair})
      for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy})
        for (const auto& widths : networks) {
          // MPI waits busily: with more ranks than cores a message takes milliseconds. There every
          // layout meets every loss and mesh, and the networks take turns.
          const bool first = &widths == &networks.front();
          const bool turn =
              (mesh.dp + (layout == Layout::pair) + (loss == LossKind::cross_entropy)) % 2;
          if (harness::is_slow(world) && first != turn) continue;
          jobs.push_back(job_on(mesh, layout, loss, widths));
        }
  return jobs;
}

}  // namespace

RANKS_TEST_CASE("parity of every layout, loss and mesh with one rank, over twenty steps", "1-8") {
  for (const JobOptions& job : all_jobs(world))
    check_parity(world, job, harness::is_slow(world) ? 3 : 20);
}

RANKS_TEST_CASE("recomputing, dropout and micro-batches change no result", "1-8") {
  for (JobOptions job : all_jobs(world)) {
    job.model.recompute = true;
    job.model.dropout = 0.3;
    job.accumulate = 2;
    check_parity(world, job, harness::is_slow(world) ? 3 : 6);
  }
}

RANKS_TEST_CASE("moments cut over data-parallel ranks change no result", "1-8") {
  for (JobOptions job : all_jobs(world)) {
    job.zero1 = true;
    job.clip = 0.1;
    check_parity(world, job, harness::is_slow(world) ? 3 : 6);
  }
}

RANKS_TEST_CASE("every rank clips by the norm of all gradients, replicated ones counted once",
                "1-8") {
  for (JobOptions job : all_jobs(world)) {
    job.clip = 1e-3;  // far below the norm, so that the norm scales every step
    check_parity(world, job, 4);
  }
}

TEST_CASE("clipping scales gradients as PyTorch does, and only those above the bound") {
  ProcessGroup alone = ProcessGroup::self();
  JobOptions options = job_on({1, 1}, Layout::gather, LossKind::mean_square, networks[0]);
  // AdamW's step hardly depends on the gradient's size, but with a large eps it is proportional.
  options.adamw = {.learning_rate = 1, .weight_decay = 0, .eps = 1e6};
  const auto moved = [&](double clip) {
    options.clip = clip;
    SteppingJob job(alone, options);
    const Tensor before = job.model().parameters()[0]->value.clone();
    const StepResult result = job.step(13);
    double squares = 0;
    for (Index i = 0; i < before.size(); ++i) {
      squares += std::pow(job.model().parameters()[0]->value.data()[i] - before.data()[i], 2);
    }
    return std::pair(std::sqrt(squares), result.gradient_norm.value());
  };
  if (!harness::is_double) return;  // steps of 1e-6 drown in float's rounding
  const auto [free, free_norm] = moved(0);
  const auto [loose, norm] = moved(100);
  const auto [tight, same_norm] = moved(0.01);
  CHECK(norm > 0.02);
  CHECK(norm == free_norm);
  CHECK(norm == same_norm);
  CHECK(std::abs(loose / free - 1) < 1e-6);
  CHECK(std::abs(tight / free - 0.01 / (norm + 1e-6)) < 1e-5);
}

TEST_CASE("exact mode adds any power of two of micro-batches, and refuses the rest") {
  ProcessGroup alone = ProcessGroup::self();
  const auto norm = [&](Index parts) {
    Mlp model(alone, {.widths = {9, 13, 8}, .shards = 8});
    const MeanSquare loss(alone, model.output());
    AdamW optimizer(model.parameters(), {});
    TrainingStep step(model, loss, optimizer, nullptr, {.clip = 1e6});
    const Tensor x = harness::random_matrix(16, 9, "x"), t = harness::random_matrix(16, 8, "t");
    step.begin(16, parts);
    for (Index i = 0; i < parts; ++i) {
      const Range rows = shard_range(16, parts, i);
      step.add(SteppingJob::rows_of(x, rows), SteppingJob::rows_of(t, rows), rows.begin);
    }
    return *step.finish().gradient_norm;
  };
  for (const Index parts : {2, 4, 8, 16}) {
    CHECK(std::abs(norm(parts) / norm(1) - 1) <= harness::rounding);
  }
  for (const Index parts : {3, 6}) {
    CHECK(harness::error_of([&] { norm(parts); }).find("power of two") != std::string::npos);
  }
  CHECK(harness::error_of([] { micro_batches(12, 1, 0, 1, 6); }).find("power of two") !=
        std::string::npos);
}

TEST_CASE("a layer's sum over data-parallel ranks starts before the layer below computes") {
  std::vector<std::string> events;
  ProcessGroup tp = harness::spy_group("tp", events), dp = harness::spy_group("dp", events);
  Mlp model(tp, {.widths = {6, 6, 6, 6}, .bias = false});
  const MeanSquare loss(tp, model.output());
  AdamW optimizer(model.parameters(), {});
  DataParallel data_parallel(dp, model, GradientSum::everywhere);
  TrainingStep step(model, loss, optimizer, &data_parallel);
  step.begin(8, 2);
  const auto add = [&](Index first_row) {
    step.add(harness::random_matrix(4, 6, "x"), harness::random_matrix(4, 6, "t"), first_row);
  };
  add(0);
  const auto none = [](const std::string& event) { return event.starts_with("dp"); };
  CHECK(
      std::none_of(events.begin(), events.end(), none));  // of two micro-batches the last one sums
  events.clear();
  add(4);
  step.finish();
  const std::vector<std::string> want = {"tp all-gather",
                                         "tp all-gather",
                                         "tp all-gather",  // forward
                                         "tp reduce-scatter sum",
                                         "dp start sum",  // the last layer
                                         "tp reduce-scatter sum",
                                         "dp start sum",
                                         "dp start sum",  // the two below
                                         "dp finish",
                                         "dp finish",
                                         "dp finish",
                                         "dp all-reduce sum"};  // and the loss
  std::erase(events, "dp progress");
  CHECK(events == want);
}

TEST_CASE("micro-batches cover the rows, those of a rank lie together") {
  for (const Index rows : {0, 1, 3, 13, 128}) {
    for (const int ranks : {1, 2, 3, 4}) {
      for (const Index accumulate : {1, 2, 5}) {
        Index next = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          const auto parts = micro_batches(rows, ranks, rank, accumulate, 0);
          CHECK(parts.size() == static_cast<std::size_t>(accumulate));
          for (const Range part : parts) {
            CHECK(part.begin == next);
            next = part.end;
          }
        }
        CHECK(next == rows);
      }
    }
  }
}

TEST_CASE("row blocks are the same for every number of ranks") {
  const auto blocks = micro_batches(13, 1, 0, 1, 8);
  for (const int ranks : {2, 4, 8}) {
    std::vector<Range> all;
    for (int rank = 0; rank < ranks; ++rank)
      for (const Range part : micro_batches(13, ranks, rank, 1, 8)) all.push_back(part);
    CHECK(all == blocks);
  }
  CHECK(harness::error_of([] { micro_batches(13, 3, 0, 1, 8); }) != "");
}

RANKS_TEST_CASE("gradients zeroed by the update or by the next step make the same bits", "1-8") {
  for (JobOptions options : all_jobs(world)) {
    CAPTURE(options.mesh.dp);
    CAPTURE(options.mesh.tp);
    options.zero1 = options.loss.kind == LossKind::cross_entropy;
    options.on_nonfinite = OnNonfinite::skip;
    SteppingJob zeroing(world, options);
    options.gradients = UsedGradients::keep;
    SteppingJob keeping(world, options);
    for (int step = 0; step < 4; ++step) {
      // Step 2 is skipped, and its only row leaves ranks gradients to zero that come from others
      // alone.
      const bool skip = step == 2;
      const harness::Otherwise otherwise = {.spoil = [&](Tensor& x, Tensor&) {
        if (skip) x(0, 0) = std::numeric_limits<Scalar>::infinity();
      }};
      const StepResult result = zeroing.step(skip ? 1 : 13, otherwise);
      keeping.step(skip ? 1 : 13, otherwise);
      CHECK(result.skipped.empty() == !skip);
      for (std::size_t i = 0; i < zeroing.model().parameters().size(); ++i) {
        const Parameter& zeroed = *zeroing.model().parameters()[i];
        CAPTURE(zeroed.name);
        CHECK(harness::same_bits(zeroed.value, keeping.model().parameters()[i]->value));
        const Tensor zero = Tensor::zeros(zeroed.grad.rows(), zeroed.grad.cols());
        CHECK((skip || harness::same_bits(zeroed.grad, zero)));
      }
    }
  }
}

#ifdef COLONNADE_DOUBLE

namespace {

/// The loss of the whole batch on the mesh as the job cuts it, without touching a gradient.
double loss_on(SteppingJob& job, Index rows, const Tensor& x, const Tensor& t) {
  double sum = 0;
  for (const Range part : job.parts_of(rows)) {
    if (part.size() == 0) continue;
    const ForwardContext context{.training = true, .step = 0, .first_row = part.begin};
    Tensor y = job.model().forward(SteppingJob::rows_of(x, part), context).y;
    sum += job.loss().forward(std::move(y), SteppingJob::rows_of(t, part)).sum;
  }
  return job.loss().mean(job.mesh().dp().all_reduce(sum), rows);
}

/// Central differences by every element of a parameter in turn, owner by owner. All copies change
/// together: those of the data-parallel ranks, and of a replicated parameter all.
void check_differences(SteppingJob& job, std::size_t which, Index rows, const Tensor& x,
                       const Tensor& t) {
  Parameter& parameter = *job.model().parameters()[which];
  ProcessGroup& tp = job.mesh().tp();
  CAPTURE(parameter.name);
  const auto loss = [&] { return loss_on(job, rows, x, t); };
  const Tensor want = parameter.replicated ? numerical_gradient(parameter.value, loss)
                                           : numerical_gradient(tp, parameter.value, loss);
  CHECK_GRADIENT(parameter.grad, want);
}

}  // namespace

RANKS_TEST_CASE("gradients of a step are those of the loss over the whole mesh", "1-8") {
  constexpr Index rows = 5;
  for (JobOptions options : all_jobs(world)) {
    const bool slow = harness::is_slow(world);
    if (slow && options.mesh.dp != (world.size() == 4 ? 2 : 1)) continue;
    const bool pair = options.model.layout == Layout::pair;
    if (slow && pair != (options.loss.kind == LossKind::cross_entropy)) continue;
    options.model.widths = slow ? std::vector<Index>{3, 5, 4} : std::vector<Index>{5, 11, 9};
    options.model.activate_last = true;
    options.model.dropout = 0.2;
    options.accumulate = 2;
    options.adamw.learning_rate = 0;  // and so no decay: the parameters stay where they are
    options.gradients = UsedGradients::keep;
    CAPTURE(options.mesh.dp);
    CAPTURE(options.mesh.tp);
    CAPTURE(to_string(options.model.layout));
    CAPTURE(to_string(options.loss.kind));
    SteppingJob job(world, options);
    for (Parameter* parameter : job.model().parameters()) {
      if (parameter->is_bias) fill_normal(*parameter, 9, 0.5);
    }
    job.step(rows);
    const Tensor x = harness::random_matrix(rows, options.model.widths.front(), "x0");
    const Tensor t = job.targets(rows, "t0");
    for (std::size_t i = 0; i < job.model().parameters().size(); ++i) {
      check_differences(job, i, rows, x, t);
    }
  }
}

#endif
