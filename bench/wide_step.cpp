// A step that is nearly all matrix products: batch 512, width 2048, 4 layers, batches fetched from
// 4096 samples. Beside it the rate of the products alone at the same shapes, on all ranks at once,
// which is the ceiling; and the memory of a rank.
#include <cmath>

#include "bench.hpp"
#include "colonnade/random.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/trainer.hpp"
#include "products.hpp"

namespace {

using namespace colonnade;

constexpr Index batch = 512, width = 2048, layers = 4, samples = 8 * batch;

void compare_with_one_rank(ProcessGroup& world) {
  const MlpOptions small{.widths = {64, 64, 64, 64, 64}, .activate_last = true};
  ProcessGroup alone = ProcessGroup::self();
  Mlp sharded(world, small), whole(alone, small);
  AdamW one(sharded.parameters(), {}), other(whole.parameters(), {});
  const Tensor x = sample_data(16, 64, 0, "x"), t = sample_data(16, 64, 0, "t");
  for (int step = 0; step < 3; ++step) {
    const double loss = training_step(sharded, one, x.clone(), t);
    const double want = training_step(whole, other, x.clone(), t);
    bench::require(std::abs(loss - want) < 1e-4 * want, "loss against one rank");
  }
}

void print_memory(ProcessGroup& world, const Mlp& model, const Dataset& data) {
  double parameters = 0;
  for (const Parameter* parameter : model.parameters()) {
    parameters += 4.0 * static_cast<double>(parameter->value.size()) * sizeof(Scalar);
  }
  // What a step must keep: input and derivative of each layer, the last output, the targets.
  const double kept =
      static_cast<double>(batch * width) * sizeof(Scalar) *
      (static_cast<double>(layers) + static_cast<double>(layers) / world.size() + 2);
  const double needed = parameters + kept + static_cast<double>(data.bytes());
  const double peak = static_cast<double>(
      world.all_reduce(static_cast<std::int64_t>(peak_memory()), Reduction::max));
  bench::print(world, "memory of a rank", render_bytes(peak),
               render_fixed(peak / needed, 3) + " of parameters, gradients, moments, kept " +
                   "activations and data: " + render_bytes(needed));
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "wide step: 512 x 2048, 4 layers", [](ProcessGroup& world) {
    compare_with_one_rank(world);
    const MlpOptions shape{.widths = std::vector<Index>(layers + 1, width), .activate_last = true};
    Mlp model(world, shape);
    AdamW optimizer(model.parameters(), {});
    const MatrixDataset data(sample_data(width, samples, 0, "x"),
                             sample_data(width, samples, 0, "t"), "x", "t");
    const std::vector<Index> order = shuffled_order(samples, 0, 1);
    Index next = 0;
    const double flops = model.step_flops(batch);
    Traffic traffic;
    const bench::Times step = bench::measure(world, 9, [&] {
      const Traffic before = world.total_traffic();
      Tensor x(batch, width, model.memory()), t(batch, width, model.memory());
      data.fill_batch({order.data() + next, static_cast<std::size_t>(batch)}, x, t);
      next = (next + batch) % samples;
      training_step(model, optimizer, std::move(x), t);
      traffic = world.total_traffic() - before;
    });
    print_memory(world, model, data);

    bench::Products products(batch, width, width / world.size(), layers);
    const bench::Times ceiling = bench::measure(world, 9, [&] { products.compute(); });
    const auto rate = [&](double seconds) { return render_fixed(flops / seconds * 1e-9, 1); };
    bench::print(world, "a step", render_duration(step.median), bench::spread(step));
    bench::print(world, "communication in it", render_duration(traffic.seconds),
                 render_bytes(static_cast<double>(traffic.bytes_sent)) + " sent by each rank");
    bench::print(world, "products alone", render_duration(ceiling.median), bench::spread(ceiling));
    bench::print(world, "a step, all ranks", rate(step.median) + " GFLOP/s",
                 render_fixed(100 * ceiling.median / step.median, 1) + " % of the products' " +
                     rate(ceiling.median));
  });
}
