// The original job: batch 2, width 32, 4 layers of x W_local, GELU, all-gather; the mean square of
// the output as loss; backward by hand; AdamW with each rank's own state. And its proof.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "app/commands.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/proof.hpp"
#include "colonnade/render.hpp"
#include "colonnade/sample_data.hpp"

namespace colonnade::app {

namespace {

struct TimedStep {
  double loss;
  double seconds;
};

/// As many optimizer steps as asked for, on the same batch, with the target 0 of the original job.
std::vector<TimedStep> train(Mlp& model, const Tensor& x, const DemoOptions& options) {
  AdamWOptions adamw;
  adamw.learning_rate = options.learning_rate;
  AdamW optimizer(model.parameters(), adamw);
  const Tensor target = Tensor::zeros(options.batch, options.width);
  const MeanSquare loss(model.group(), model.output());
  TrainingStep training(model, loss, optimizer);
  std::vector<TimedStep> steps;
  steps.reserve(static_cast<std::size_t>(std::min<std::int64_t>(options.steps, 1 << 20)));
  for (std::int64_t step = 0; step < options.steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    const StepResult result =
        training.run(x.clone(model.memory()), target.clone(model.memory()), step);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    steps.push_back({result.loss, elapsed.count()});
  }
  return steps;
}

void print_steps(const std::vector<TimedStep>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    std::printf("step %3zu  loss %.6f  %s\n", i + 1, steps[i].loss,
                render_duration(steps[i].seconds).c_str());
  }
  std::vector<double> seconds;
  for (const TimedStep& step : steps) seconds.push_back(step.seconds);
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<Index>(seconds.size() / 2),
                   seconds.end());
  std::printf("median step %s\n", render_duration(seconds[seconds.size() / 2]).c_str());
}

void print_proof(const GradientProof& proof, int ranks) {
  std::printf(
      "proof, in double: %s gradients on %d %s, largest relative error\n"
      "  against central differences  %.2e  (%s)\n"
      "  against one rank             %.2e\n"
      "  %s: the bound is %.0e\n",
      render_count(proof.gradients).c_str(), ranks, ranks == 1 ? "rank" : "ranks",
      proof.against_differences, proof.farthest.c_str(), proof.against_one_rank,
      proof.holds() ? "the gradients are right" : "THE GRADIENTS ARE WRONG", proof.tolerance);
}

/// The proof evaluates the whole network twice for each parameter: refuses what would take long.
void check_size(const DemoOptions& options) {
  const double weights =
      static_cast<double>(options.width * options.width) * static_cast<double>(options.layers);
  const double operations = 4 * weights * weights * static_cast<double>(options.batch);
  constexpr double most = 5e10;  // seconds on one core
  if (operations <= most) return;
  throw Error("a demo of this size would take long to prove",
              {.wanted = "at most 5e10 operations, 4 batch (width^2 layers)^2",
               .found = render_fixed(operations / 1e9, 0) + "e9",
               .hint = "choose a smaller --width, --layers or --batch"});
}

}  // namespace

int run_demo(ProcessGroup& world, const Device& device, const DemoOptions& options) {
  MlpOptions shape;
  shape.widths.assign(static_cast<std::size_t>(options.layers) + 1, options.width);
  shape.activate_last = true;
  shape.bias = false;
  shape.seed = options.seed;
  std::optional<Mlp> model;
  collectively(world, [&] {
    check_size(options);
    set_math(options.math);
    model.emplace(world, shape);
  });

  const bool speaks = world.rank() == 0;
  const Tensor x = sample_data(options.batch, options.width, options.seed, "data");
  const std::string activations = summarize(model->forward(x.clone()).y);
  const std::vector<std::string> lines =
      gather_text(world, "[tensor_parallelism] Rank " + std::to_string(world.rank()) +
                             ": forward pass produced activations " + activations);
  const std::vector<std::string> devices = gather_text(world, describe(device, world.rank()));
  if (speaks) {
    std::printf("%s\n", backend_description().c_str());
    for (const std::string& text : devices) std::printf("%s\n", text.c_str());
    for (const std::string& text : lines) std::printf("%s\n", text.c_str());
  }

  const std::vector<TimedStep> steps = train(*model, x, options);
  if (speaks) print_steps(steps);

  const GradientProof proof = prove_gradients(world, shape, options.batch);
  if (speaks) print_proof(proof, world.size());
  return proof.holds() ? 0 : 1;
}

}  // namespace colonnade::app
