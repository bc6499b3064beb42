// A step that meets a number that is not finite changes nothing, and all ranks say the same about
// it.
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bits.hpp"
#include "harness.hpp"
#include "nonfinite_jobs.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using namespace harness::nonfinite;
using harness::JobOptions;
using harness::same_bits;
using harness::SteppingJob;

namespace {

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
