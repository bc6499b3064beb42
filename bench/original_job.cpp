// The original job: batch 2, width 32, 4 layers without bias, an activation after each. So small
// that a step is the sum of what calls cost, not of what they compute.
#include "bench.hpp"
#include "colonnade/proof.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/trainer.hpp"

int main(int argc, char** argv) {
  using namespace colonnade;
  return bench::run(argc, argv, "original job: 2 x 32, 4 layers", [](ProcessGroup& world) {
    const MlpOptions shape{
        .widths = {32, 32, 32, 32, 32}, .activate_last = true, .bias = false, .seed = 0};
    bench::require(prove_gradients(world, shape, 2).holds(), "gradients");

    Mlp model(world, shape);
    AdamW optimizer(model.parameters(), {});
    const Tensor x = sample_data(2, 32, 0, "data"), t = Tensor::zeros(2, 32);
    // Blocks of steps: one alone is near the cost of the clock and the barrier around it.
    constexpr int steps = 200;
    const bench::Times times = bench::measure(world, 25, [&] {
      for (int i = 0; i < steps; ++i) {
        training_step(model, optimizer, x.clone(model.memory()), t);
      }
    });
    const bench::Times step{times.median / steps, times.smallest / steps, times.largest / steps};
    bench::print(world, "a step", render_duration(step.median), bench::spread(step));
  });
}
