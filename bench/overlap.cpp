// A step, what it computes without any message, and its messages without anything computed: how
// much of the smaller one the step hides behind the larger. The shapes lie on both sides of the one
// where both are equal if two hosts have 1 Gbit/s between them and a core each:
// `tools/cluster.sh bench`. Computing grows with the square of the width, communication with the
// width.
#include "bench.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"
#include "silent_transport.hpp"

namespace {

using namespace colonnade;

constexpr Index layers = 4;

struct Network {
  Network(ProcessGroup& group, Index width, Index row_parts)
      : model(group, {.widths = std::vector<Index>(layers + 1, width),
                      .activate_last = true,
                      .row_parts = row_parts}),
        optimizer(model.parameters(), {}) {}
  double step(const Tensor& x, const Tensor& t) {
    return training_step(model, optimizer, x.clone(model.memory()), t);
  }
  Mlp model;
  AdamW optimizer;
};

/// The messages of a step: in forward each layer's output is gathered, and in backward the gradient
/// of each input but the first is summed and scattered.
class Messages {
 public:
  Messages(ProcessGroup& world, Index batch, Index width)
      : world_(&world),
        batch_(batch),
        cut_(width, world.size(), "columns"),
        full_(batch, width, world.memory()),
        own_(batch, cut_.range(world.rank()).size(), world.memory()) {
    full_.set_zero();
  }
  void send_forward() {
    const std::span<Scalar> all(full_.data(), static_cast<std::size_t>(full_.size()));
    for (Index layer = 0; layer < layers; ++layer) world_->all_gather(all, cut_.ranges(), batch_);
  }
  void send_backward() {
    const std::span<const Scalar> all(full_.data(), static_cast<std::size_t>(full_.size()));
    const std::span<Scalar> own(own_.data(), static_cast<std::size_t>(own_.size()));
    for (Index layer = 1; layer < layers; ++layer)
      world_->reduce_scatter(all, own, cut_.ranges(), batch_);
  }

 private:
  ProcessGroup* world_;
  Index batch_;
  Sharding cut_;
  Tensor full_;  // [batch, width]
  Tensor own_;   // [batch, own columns]
};

/// Bytes that this rank sends while `work` is done.
std::int64_t sent(ProcessGroup& group, const std::function<void()>& work) {
  const Traffic before = group.total_traffic();
  work();
  return (group.total_traffic() - before).bytes_sent;
}

void measure(ProcessGroup& world, Index batch, Index width, int turns) {
  const Tensor x = sample_data(batch, width, 0, "x"), t = sample_data(batch, width, 0, "t");
  const MlpOptions shape = {.widths = std::vector<Index>(layers + 1, width)};
  const Index parts = std::max<Index>(2, worthwhile_row_parts(world, shape, batch));
  Network in_turn(world, width, 1), overlapped(world, width, parts);
  ProcessGroup silence(std::make_unique<bench::SilentTransport>(world.rank(), world.size()));
  Network alone(silence, width, 1);
  Messages messages(world, batch, width);

  const std::int64_t bytes = sent(world, [&] { in_turn.step(x, t); });
  bench::require(sent(world, [&] { overlapped.step(x, t); }) == bytes, "the step that overlaps");
  bench::require(sent(silence, [&] { alone.step(x, t); }) == bytes, "the step that sends nothing");
  const auto send = [&] { messages.send_forward(), messages.send_backward(); };
  bench::require(sent(world, send) == bytes, "the messages of a step");

  std::vector<double> steps, steps_in_turn, computes, sends, balances, ratios, bounds, gains;
  for (int turn = 0; turn < turns; ++turn) {
    const auto once = [&](const std::function<void()>& work) {
      return bench::measure_once(world, work);
    };
    steps.push_back(once([&] { overlapped.step(x, t); }));
    const double forward = once([&] { alone.model.forward(x.clone(alone.model.memory())); });
    computes.push_back(once([&] { alone.step(x, t); }));
    const double gathers = once([&] { messages.send_forward(); });
    const double scatters = once([&] { messages.send_backward(); });
    sends.push_back(gathers + scatters);
    steps_in_turn.push_back(once([&] { in_turn.step(x, t); }));
    balances.push_back(computes.back() / sends.back());
    ratios.push_back(steps.back() / std::max(computes.back(), sends.back()));
    bounds.push_back(steps.back() /
                     (std::max(forward, gathers) + std::max(computes.back() - forward, scatters)));
    gains.push_back(steps_in_turn.back() / steps.back());
  }
  const auto print = [&](const std::string& name, const std::vector<double>& seconds) {
    const bench::Times times = bench::median_of(seconds);
    bench::print(world, name, render_duration(times.median), bench::spread(times));
  };
  const auto print_ratio = [&](const std::string& name, const std::vector<double>& all,
                               const std::string& note) {
    const bench::Times ratio = bench::median_of(all);
    bench::print(world, name, render_fixed(ratio.median, 3),
                 "(" + render_fixed(ratio.smallest, 3) + " to " + render_fixed(ratio.largest, 3) +
                     ")" + note);
  };
  print(render_count(batch) + " x " + render_count(width) + ", a step in " + render_count(parts) +
            " parts",
        steps);
  print("  in turn", steps_in_turn);
  print("  computing alone", computes);
  print("  communication alone, " + render_bytes(static_cast<double>(bytes)), sends);
  print_ratio("  computing / communication", balances, "");
  print_ratio("  a step / the larger of the two", ratios, "; 1 is all hidden");
  print_ratio("  of forward and backward, each by itself", bounds, "");
  print_ratio("  in turn / overlapped", gains, "");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "overlap, 4 layers",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      for (const Index width : {1088, 1216, 1344, 1536})
                        measure(world, arguments.pick(1024, 32), arguments.pick(width, width / 32),
                                arguments.pick(9, 1));
                    });
}
