// The price of exact mode: the same training step in both modes, in turn, at batch 512. Beside the
// width of its matrices the price depends on the ranks: on one the sums over shards cost as much as
// on many, and nothing else takes time.
#include <memory>

#include "bench.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"

namespace {

using namespace colonnade;

constexpr Index layers = 4, shards = 8;

struct Network {
  Network(ProcessGroup& world, Index width, Index shards_of_layers, Layout layout)
      : model(world, {.widths = std::vector<Index>(layers + 1, width),
                      .activate_last = true,
                      .layout = layout,
                      .shards = shards_of_layers}),
        optimizer(model.parameters(), {}) {}
  Mlp model;
  AdamW optimizer;
};

void compare(ProcessGroup& world, Index batch, Index width, Layout layout, int pairs) {
  Network fast(world, width, 0, layout), exact(world, width, shards, layout);
  const Tensor x = sample_data(batch, width, 0, "x"), t = sample_data(batch, width, 0, "t");
  const auto step = [&](Network& network) {
    return training_step(network.model, network.optimizer, x.clone(network.model.memory()), t);
  };
  bench::require(std::abs(step(fast) - step(exact)) < 1e-5, "the loss of one mode in the other");

  const bench::Comparison times = bench::compare(
      world, pairs, [&] { step(exact); }, [&] { step(fast); });
  bench::print_ratio(
      world,
      "width " + std::to_string(width) + ", " + std::string(to_string(layout)) + ": exact / fast",
      times);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "a step of 4 layers, batch 512, in 8 shards",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      for (const Index width : {1024, 2048})
                        for (const Layout layout : {Layout::gather, Layout::pair})
                          compare(world, arguments.pick(512, 16), arguments.pick(width, width / 32),
                                  layout, arguments.pick(7, 1));
                    });
}
