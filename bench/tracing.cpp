// What recording costs: the same training steps with a timeline and without, in turn. One model
// makes both, for of two the one whose memory lies better is faster, by more than is measured here.
#include <memory>

#include "bench.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/trainer.hpp"

namespace {

using namespace colonnade;

/// A model that trains on one batch, on a group of its own.
struct Training {
  Training(ProcessGroup& world, const MlpOptions& shape)
      : group(world.split(0, world.rank())),
        model(group, shape),
        optimizer(model.parameters(), {}) {}
  double step(const Tensor& x, const Tensor& t) {
    return training_step(model, optimizer, x.clone(model.memory()), t);
  }
  ProcessGroup group;
  Mlp model;
  AdamW optimizer;
};

void compare_steps(ProcessGroup& world, const std::string& name, const MlpOptions& shape,
                   Index rows, int steps) {
  const auto timeline = std::make_shared<Timeline>(1 << 17);
  Training training(world, shape), plain(world, shape);
  const Tensor x = sample_data(rows, shape.widths.front(), 0, "data");
  const Tensor t = Tensor::zeros(rows, shape.widths.back());
  const auto block = [&](Training& model) {
    double loss = 0;
    for (int i = 0; i < steps; ++i) loss = model.step(x, t);
    return loss;
  };
  const auto recorded_block = [&] {
    training.group.record(timeline);
    const double loss = block(training);
    training.group.record(nullptr);
    return loss;
  };
  bench::require(recorded_block() == block(plain), "recording changed the loss");
  const bench::Comparison times = bench::compare(
      world, 41, [&] { recorded_block(); }, [&] { block(training); });
  bench::print(world, "  of the fastest blocks",
               render_fixed(times.dividend.smallest / times.divisor.smallest, 3));
  const auto spans = static_cast<std::int64_t>(timeline->records().size()) + timeline->dropped();
  bench::print_ratio(world, name, times);
  bench::print(world, "  spans a step", render_count(spans / (42 * steps)));
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(
      argc, argv, "recording: time of a step with it over without it", [](ProcessGroup& world) {
        compare_steps(world, "original job: 2 x 32, 4 layers",
                      {.widths = {32, 32, 32, 32, 32}, .activate_last = true, .bias = false}, 2,
                      400);
        compare_steps(world, "784-1024-1024-10, batch 128", {.widths = {784, 1024, 1024, 10}}, 128,
                      10);
      });
}
