// Numbers that are not finite: the step that meets one changes nothing, all ranks say the same
// about it, and the first of them is found wherever it stands.
#include "colonnade/nonfinite.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bits.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::JobOptions;
using harness::same_bits;
using harness::SteppingJob;

namespace {

constexpr Scalar not_a_number = std::numeric_limits<Scalar>::quiet_NaN();
constexpr Scalar infinity = std::numeric_limits<Scalar>::infinity();
constexpr Scalar largest = std::numeric_limits<Scalar>::max();

/// Every way to cut a job on these ranks; one for each mesh where there are many or steps are slow.
std::vector<JobOptions> all_jobs(const ProcessGroup& world,
                                 const std::vector<LossKind>& losses = {LossKind::mean_square,
                                                                        LossKind::cross_entropy}) {
  std::vector<JobOptions> jobs;
  for (const MeshShape mesh : harness::meshes(world.size())) {
    std::vector<JobOptions> ways;
    for (const Layout layout : {Layout::pair, Layout::gather}) {
      for (const LossKind loss : losses) {
        JobOptions job = {.model = {.widths = {5, 11, 13, 12, 10}, .seed = 3, .layout = layout},
                          .loss = {.kind = loss},
                          .mesh = mesh,
                          .accumulate = 2};
        ways.push_back(job);
        job.zero1 = true;
        ways.push_back(job);
        if (!std::has_single_bit(static_cast<unsigned>(world.size()))) continue;
        job.model.shards = 8;
        job.accumulate = 1;
        job.row_blocks = 8;
        ways.push_back(job);
      }
    }
    if (harness::is_slow(world) || world.size() > 4) ways = {ways[jobs.size() % ways.size()]};
    jobs.insert(jobs.end(), ways.begin(), ways.end());
  }
  return jobs;
}

/// From one layer or tensor of a job to the next that is tried.
std::size_t stride(const ProcessGroup& world) {
  return world.size() > 2 ? 3 : 1;
}

std::string text_of(const JobOptions& job) {
  return "dp=" + std::to_string(job.mesh.dp) + ",tp=" + std::to_string(job.mesh.tp) + " " +
         std::string(to_string(job.model.layout)) + " " + std::string(to_string(job.loss.kind)) +
         (job.zero1 ? " zero1" : "") + (job.model.shards > 0 ? " exact" : "");
}

std::vector<Tensor> values_of(Mlp& model) {
  std::vector<Tensor> values;
  for (const Parameter* parameter : model.parameters()) values.push_back(parameter->value.clone());
  return values;
}

bool same_values(Mlp& model, const std::vector<Tensor>& values) {
  bool same = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    same = same && same_bits(model.parameters()[i]->value, values[i]);
  }
  return same;
}

/// What NonFinite says on this rank, or "" if the work throws nothing else.
template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
  } catch (const NonFinite& error) {
    CHECK(error.is_agreed());
    return error.what();
  }
  return "";
}

/// Whether every rank has this text.
bool agree(ProcessGroup& world, const std::string& text) {
  bool same = true;
  for (const std::string& other : gather_text(world, text)) same = same && other == text;
  return same;
}

/// Element [row, col] of a whole parameter, or null where another rank has it.
Scalar* element(Parameter& parameter, Index row, Index col) {
  const Range rows = parameter.owned_rows, cols = parameter.owned_cols;
  if (row < rows.begin || row >= rows.end || col < cols.begin || col >= cols.end) return nullptr;
  return &parameter.value(row - rows.begin, col - cols.begin);
}

/// Makes the loss finite and the gradient of one weight infinite: input `unit` of the layer is huge
/// and has no weight, and the targets are far away. For relu and mean square.
void overflow_gradient(Mlp& model, std::size_t layer, Index unit, Tensor& x, Tensor& t) {
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = 1000;
  if (layer == 0) {
    for (Index row = 0; row < x.rows(); ++row) x(row, unit) = largest / 2;
  } else if (Scalar* bias = element(model.layers()[layer - 1]->bias(), 0, unit)) {
    *bias = largest / 2;
  }
  Parameter& weight = model.layers()[layer]->weight();
  for (Index col = 0; col < weight.cols; ++col) {
    if (Scalar* number = element(weight, unit, col)) *number = 0;
  }
}

}  // namespace

RANKS_TEST_CASE("a step that meets NaN or infinity leaves no trace, whether it stops or is skipped",
                "1-8") {
  for (JobOptions options : all_jobs(world)) {
    const std::string name = text_of(options);
    CAPTURE(name);
    for (const OnNonfinite choice : {OnNonfinite::stop, OnNonfinite::skip}) {
      options.on_nonfinite = choice;
      SteppingJob job(world, options), other(world, options);
      job.step(13);
      other.step(13);
      const std::vector<Tensor> before = values_of(job.model());
      std::string said = refusal([&] {
        const StepResult result =
            job.step(13, {.spoil = [](Tensor& x, Tensor&) { x(7, 2) = not_a_number; }});
        throw NonFinite("", result.skipped);
      });
      CHECK(said == "the loss is not finite");
      CHECK(agree(world, said));
      CHECK(same_values(job.model(), before));

      // The moments and the count of steps show in what the next steps do.
      other.leave_out_step();
      for (const Index rows : {Index{3}, Index{13}}) {
        CHECK(same_bits(job.step(rows).loss, other.step(rows).loss));
      }
      CHECK(same_values(job.model(), values_of(other.model())));
    }
  }
}

RANKS_TEST_CASE("a gradient that is not finite ends the step as a loss does", "1-8") {
  for (JobOptions options : all_jobs(world, {LossKind::mean_square})) {
    const std::string name = text_of(options);
    CAPTURE(name);
    options.model.activation = Activation::relu;
    for (const double clip : {0.0, 1.0}) {
      options.clip = clip;
      SteppingJob job(world, options);
      std::vector<Tensor> before;
      const std::string said = refusal([&] {
        job.step(13, {.spoil = [&](Tensor& x, Tensor& t) {
                   overflow_gradient(job.model(), 1, 4, x, t);
                   before = values_of(job.model());
                 }});
      });
      CHECK(said == "the gradient of layers.1.weight is not finite");
      CHECK(same_values(job.model(), before));
    }
  }
}

RANKS_TEST_CASE("what backward spoils on its way down doesn't hide the layer where it began",
                "1-4") {
  SteppingJob job(world, {.model = {.widths = {5, 11, 13, 10}, .layout = Layout::pair},
                          .mesh = {1, world.size()}});
  const auto spoil = [&](std::vector<std::size_t> tensors) {
    return refusal([&] {
      job.step(
          13, {.before_finish = [&] {
            for (const std::size_t i : tensors) {
              Tensor& grad = job.model().parameters()[i]->grad;
              if (world.rank() == world.size() - 1 || job.model().parameters()[i]->replicated) {
                grad(0, 0) = infinity;
              }
            }
          }});
    });
  };
  CHECK(spoil({0, 1, 2, 3}) == "the gradient of layers.1.weight is not finite");
  CHECK(spoil({0, 3}) == "the gradient of layers.1.bias is not finite");
  CHECK(spoil({0, 1}) == "the gradient of layers.0.weight is not finite");
}

RANKS_TEST_CASE("a finite gradient whose square would spoil the moments is refused, unless clipped",
                "1-4") {
  for (const double clip : {0.0, 1.0}) {
    SteppingJob job(world,
                    {.model = {.widths = {5, 11, 10}}, .mesh = {1, world.size()}, .clip = clip});
    const std::string said = refusal([&] {
      job.step(13, {.before_finish = [&] {
                 const Scalar root = std::sqrt(largest);
                 if (world.rank() == 0) job.model().parameters()[2]->grad(0, 0) = root;
                 if (world.rank() == 0) job.model().parameters()[2]->grad(1, 0) = root;
               }});
    });
    // The squares of doubles overflow in the norm itself, whatever the bound on it.
    if (harness::is_double) {
      CHECK(said == "the gradient of layers.1.weight is not finite");
    } else {
      CHECK(said == (clip > 0 ? "" : "the gradient of layers.1.weight is too large to square"));
    }
    const std::vector<Tensor> values = values_of(job.model());
    for (const Tensor& value : values) {
      for (Index i = 0; i < value.size(); ++i) CHECK(std::isfinite(value.data()[i]));
    }
  }
}

RANKS_TEST_CASE("one rank's vote to stop reaches all of the mesh, and no vote none", "1-8") {
  for (const JobOptions& options : all_jobs(world, {LossKind::mean_square})) {
    SteppingJob job(world, options);
    for (int voter = 0; voter <= world.size(); ++voter) {
      const StepResult result = job.step(13, {.stop = voter == world.rank()});
      CHECK(result.stop == (voter < world.size()));
    }
    CHECK(job.step(13, {.stop = true}).stop);
  }
}

TEST_CASE("a step that judges nothing but its loss stops there too") {
  ProcessGroup alone = ProcessGroup::self();
  Mlp model(alone, {.widths = {3, 4}});
  AdamW optimizer(model.parameters(), {});
  const std::vector<Tensor> before = values_of(model);
  Tensor x = harness::random_matrix(2, 3, "x");
  x(1, 1) = infinity;
  const Tensor t = harness::random_matrix(2, 4, "t");
  CHECK(refusal([&] { training_step(model, optimizer, std::move(x), t); }) ==
        "the loss is not finite");
  CHECK(same_values(model, before));
}

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
