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

/// What recording cannot do without: a look at the clock where a span ends, and its 40 bytes. Spans
/// that begin where the last one ended look once, the others twice.
double seconds_of_span(ProcessGroup& world) {
  constexpr int spans = 1000;
  const auto timeline = std::make_shared<Timeline>(1 << 17);
  ProcessGroup group = world.split(0, world.rank());
  group.record(timeline);
  const auto record = [&] {
    for (int i = 0; i < spans; ++i) {
      const Span span = group.next_span(Activity::activation);
    }
  };
  const bench::Times times = bench::measure(world, 41, record);
  bench::require(std::ssize(timeline->records()) == 42 * spans, "not every span was kept");
  return times.median / spans;
}

double seconds_of_look(ProcessGroup& world) {
  constexpr int looks = 1000;
  std::int64_t last = 0, sum = 0;
  const bench::Times times = bench::measure(world, 41, [&] {
    for (int i = 0; i < looks; ++i) {
      const std::int64_t now = ticks();
      sum += now - last;
      last = now;
    }
  });
  bench::require(sum > 0, "the clock stands still");
  return times.median / looks;
}

void compare_steps(ProcessGroup& world, const std::string& name, const MlpOptions& shape,
                   Index rows, int steps, int pairs, double look) {
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
      world, pairs, [&] { recorded_block(); }, [&] { block(training); });
  bench::print(world, "  of the fastest blocks",
               render_fixed(times.dividend.smallest / times.divisor.smallest, 3));
  const auto spans = static_cast<std::int64_t>(timeline->records().size()) + timeline->dropped();
  const std::int64_t spans_a_step = spans / ((pairs + 1) * steps);
  bench::print_ratio(world, name, times);
  bench::print(world, "  spans a step", render_count(spans_a_step));
  bench::print(
      world, "  their looks at the clock alone",
      render_fixed(1 + static_cast<double>(spans_a_step) * look * steps / times.divisor.median, 3));
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(
      argc, argv, "recording: time of a step with it over without it",
      [](ProcessGroup& world, const bench::Arguments& arguments) {
        const int pairs = arguments.pick(41, 1);
        const double look = seconds_of_look(world);
        bench::print(world, "a look at the clock", render_fixed(1e9 * look, 1) + "ns");
        bench::print(world, "a span", render_fixed(1e9 * seconds_of_span(world), 1) + "ns");
        compare_steps(world, "original job: 2 x 32, 4 layers",
                      {.widths = {32, 32, 32, 32, 32}, .activate_last = true, .bias = false}, 2,
                      arguments.pick(400, 4), pairs, look);
        compare_steps(world, "784-1024-1024-10, batch 128", {.widths = {784, 1024, 1024, 10}},
                      arguments.pick(128, 2), arguments.pick(10, 1), pairs, look);
      });
}
