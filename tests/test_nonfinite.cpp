// The first number that is not finite is found wherever it stands, and no activation hides one.
#include "colonnade/nonfinite.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "nonfinite_jobs.hpp"

using namespace colonnade;
using namespace harness::nonfinite;
using harness::JobOptions;

TEST_CASE("no activation hides NaN, or infinity that isn't cut off") {
  for (const Activation activation :
       {Activation::identity, Activation::relu, Activation::gelu_tanh, Activation::gelu_erf}) {
    CAPTURE(to_string(activation));
    for (const Scalar number : {not_a_number, infinity}) {
      for (Index at = 0; at < 37; ++at) {
        Tensor z = Tensor::zeros(37, 1), y(37, 1);
        z(at, 0) = number;
        activation_forward(activation, {}, z, y);
        for (Index i = 0; i < 37; ++i) CHECK(std::isfinite(y(i, 0)) == (i != at));
      }
    }
  }
}

namespace {

/// A trainer's run on 24 samples in batches of 8 and in their order, of which some may be spoiled.
struct Run {
  Run(ProcessGroup& world, const JobOptions& options)
      : mesh(world, options.mesh),
        job(mesh,
            {.model = options.model,
             .loss = options.loss,
             .mesh = options.mesh,
             .zero1 = options.zero1},
            options.adamw),
        trainer_options({.batch = 8,
                         .shuffle = false,
                         .accumulate = options.accumulate,
                         .row_blocks = options.row_blocks}),
        x(harness::random_matrix(options.model.widths.front(), 24, "x")),
        t(harness::random_matrix(options.model.widths.back(), 24, "t")) {}

  /// What the run ends with.
  std::string end() {
    const MatrixDataset data(x.clone(), t.clone(), "x", "t");
    Trainer trainer(job, data, nullptr, trainer_options);
    trainer.on_step = [&](const StepReport& report) { reports.push_back(report); };
    return refusal([&] { trainer.run(); });
  }

  /// The run must end like that, on all ranks alike.
  void check_end(const std::string& want) {
    const std::string got = end();
    CHECK(got.substr(0, want.size()) == want);
    CHECK(agree(mesh.world(), got));
  }

  Mesh mesh;
  TrainingJob job;
  TrainerOptions trainer_options;
  Tensor x, t;  // a sample a column
  std::vector<StepReport> reports;
};

const std::string loss_is_not = "the loss is not finite; the first such number is ";

}  // namespace

RANKS_TEST_CASE("the error names the sample whose input or target is not finite", "1-8") {
  for (const JobOptions& options : all_jobs(world)) {
    const std::string name = text_of(options);
    CAPTURE(name);
    Run input(world, options);
    input.x(2, 17) = not_a_number;
    input.x(4, 20) = not_a_number;
    input.check_end("step 3: " + loss_is_not + "input 2 of sample 17; mend the data");
    CHECK(input.reports.size() == 2);
    Run target(world, options);
    target.t(3, 9) = infinity;
    target.check_end("step 2: " + loss_is_not + "target 3 of sample 9; mend the data");
  }
}

RANKS_TEST_CASE("the error names the parameter that is not finite on one rank alone", "1-8") {
  for (const JobOptions& options : all_jobs(world)) {
    const std::string name = text_of(options);
    CAPTURE(name);
    for (std::size_t i = 0; i < 2 * (options.model.widths.size() - 1); i += stride(world)) {
      Run run(world, options);
      const int who = world.size() - 1;
      Parameter& parameter = *run.job.model().parameters()[i];
      CAPTURE(parameter.name);
      const Index row = parameter.owned_rows.size() - 1;
      std::vector<std::int64_t> place = {parameter.owned_rows.begin + row,
                                         parameter.owned_cols.begin};
      if (world.rank() == who) parameter.value(row, 0) = not_a_number;
      world.broadcast(std::span(place), who);
      const std::string output = std::to_string(place[1]);
      run.check_end("step 1: " + loss_is_not + "parameter " + parameter.name + "[" + output +
                    (parameter.is_bias ? "" : ", " + std::to_string(place[0])) +
                    "] (inputs and targets are finite); start again");
    }
  }
}

RANKS_TEST_CASE("the error names the layer whose output overflows", "1-8") {
  for (const JobOptions& options : all_jobs(world)) {
    const std::string name = text_of(options);
    CAPTURE(name);
    for (std::size_t i = 0; i + 1 < options.model.widths.size(); i += stride(world)) {
      Run run(world, options);
      // Sums of 2 or more positive products of which each is just within bounds.
      const Index unit = options.model.widths[i + 1] - 1;
      LinearLayer& layer = *run.job.model().layers()[i];
      for (Index row = 0; row < layer.weight().rows; ++row) {
        if (Scalar* number = element(layer.weight(), row, unit)) *number = largest;
      }
      if (i == 0) {
        for (Index sample = 0; sample < 24; ++sample)
          for (Index j = 0; j < run.x.rows(); ++j) run.x(j, sample) = 1;
      } else {
        Parameter& below = run.job.model().layers()[i - 1]->bias();
        for (Index j = 0; j < below.cols; ++j) {
          if (Scalar* number = element(below, 0, j)) *number = 100;
        }
      }
      run.check_end(
          "step 1: " + loss_is_not + "output " + std::to_string(unit) + " of layers." +
          std::to_string(i) +
          " for sample 0 (inputs, targets and parameters are finite); try a smaller --lr");
    }
  }
}

RANKS_TEST_CASE("the error names the gradient that overflows where nothing else does", "1-8") {
  for (JobOptions options : all_jobs(world, {LossKind::mean_square})) {
    const std::string name = text_of(options);
    CAPTURE(name);
    options.model.activation = Activation::relu;
    for (std::size_t layer = 0; layer + 1 < options.model.widths.size(); layer += stride(world)) {
      Run run(world, options);
      Tensor rows(24, options.model.widths.front()), targets(24, options.model.widths.back());
      overflow_gradient(run.job.model(), layer, 3, rows, targets);
      for (Index sample = 0; sample < 24; ++sample) {
        if (layer == 0) run.x(3, sample) = rows(sample, 3);
        for (Index j = 0; j < run.t.rows(); ++j) run.t(j, sample) = targets(sample, j);
      }
      const std::string tensor = "gradient of layers." + std::to_string(layer) + ".weight";
      const std::string got = run.end();
      const std::string want =
          "step 1: the " + tensor + " is not finite; the first such number is " + tensor + "[";
      CHECK(got.substr(0, want.size()) == want);
      CHECK(got.find(", 3] (all outputs are finite); try a smaller --lr") != std::string::npos);
      CHECK(agree(world, got));
    }
  }
}

RANKS_TEST_CASE("a run that skips goes on, and reports what it skipped", "1-4") {
  for (const JobOptions& options : all_jobs(world)) {
    Run run(world, options);
    run.trainer_options.on_nonfinite = OnNonfinite::skip;
    run.x(2, 9) = not_a_number;
    CHECK(run.end() == "");
    REQUIRE_ALL(world, run.reports.size() == 3);
    CHECK(run.reports[0].skipped == "");
    CHECK(run.reports[1].skipped == "the loss is not finite");
    CHECK(run.reports[1].step == 2);
    CHECK(run.reports[2].skipped == "");
    CHECK(std::isfinite(run.reports[2].loss));
  }
}
