// The original job: batch 2, width 32, 4 layers without bias, an activation after each. So small
// that a step is the sum of what calls cost, not of what they compute; on a GPU it is done again as
// it was recorded.
#include "bench.hpp"
#include "colonnade/proof.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"
#include "lent_tensor.hpp"

int main(int argc, char** argv) {
  using namespace colonnade;
  return bench::run(
      argc, argv, "original job: 2 x 32, 4 layers",
      [](ProcessGroup& world, const bench::Arguments& arguments) {
        const MlpOptions shape{
            .widths = {32, 32, 32, 32, 32}, .activate_last = true, .bias = false, .seed = 0};
        bench::require(prove_gradients(world, shape, 2).holds(), "gradients");

        Mlp model(world, shape);
        AdamW optimizer(model.parameters(), {});
        const MeanSquare loss(world, model.output());
        TrainingStep step(model, loss, optimizer, nullptr, {.gradients = UsedGradients::zero});
        bench::LentTensor x(sample_data(2, 32, 0, "data")), t(Tensor::zeros(2, 32));
        // Blocks of steps: one alone is near the cost of the clock and the barrier around it.
        const int steps = arguments.pick(200, 4);
        const bench::Times block = bench::measure(world, arguments.pick(25, 1), [&] {
          for (int i = 0; i < steps; ++i) step.run(x.lend(), t.lend());
        });
        const bench::Times times{block.median / steps, block.smallest / steps,
                                 block.largest / steps};
        bench::print(world, "a step", render_duration(times.median),
                     bench::spread(times) + (step.replays() > 0 ? ", recorded" : ""));
      });
}
