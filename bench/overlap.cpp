// A step, what it computes without any message, and its messages without anything computed: how
// much of the smaller one the step hides behind the larger. The shape makes both about equal where
// two hosts have 1 Gbit/s between them and a core each: `tools/cluster.sh bench`.
#include <cmath>

#include "bench.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"
#include "silent_transport.hpp"

namespace {

using namespace colonnade;

constexpr Index batch = 256, width = 1024, layers = 4;

struct Network {
  explicit Network(ProcessGroup& group)
      : model(group, {.widths = std::vector<Index>(layers + 1, width), .activate_last = true}),
        optimizer(model.parameters(), {}) {}
  double step(const Tensor& x, const Tensor& t) {
    return training_step(model, optimizer, x.clone(model.memory()), t);
  }
  Mlp model;
  AdamW optimizer;
};

/// The messages of a step: each layer's output is gathered, and the gradient of each input but the
/// first is summed and scattered.
class Messages {
 public:
  explicit Messages(ProcessGroup& world)
      : world_(&world),
        cut_(width, world.size(), "columns"),
        full_(batch, width, world.memory()),
        own_(batch, cut_.range(world.rank()).size(), world.memory()) {
    std::fill(full_.data(), full_.data() + full_.size(), Scalar{0});
  }
  void send() {
    const std::span<Scalar> all(full_.data(), static_cast<std::size_t>(full_.size()));
    const std::span<Scalar> own(own_.data(), static_cast<std::size_t>(own_.size()));
    for (Index layer = 0; layer < layers; ++layer) world_->all_gather(all, cut_.ranges(), batch);
    for (Index layer = 1; layer < layers; ++layer)
      world_->reduce_scatter(std::span<const Scalar>(all), own, cut_.ranges(), batch);
  }

 private:
  ProcessGroup* world_;
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

void measure_all(ProcessGroup& world) {
  const Tensor x = sample_data(batch, width, 0, "x"), t = sample_data(batch, width, 0, "t");
  Network network(world);
  ProcessGroup silence(std::make_unique<bench::SilentTransport>(world.rank(), world.size()));
  Network alone(silence);
  Messages messages(world);

  const std::int64_t bytes = sent(world, [&] { network.step(x, t); });
  bench::require(sent(silence, [&] { alone.step(x, t); }) == bytes, "the step that sends nothing");
  bench::require(sent(world, [&] { messages.send(); }) == bytes, "the messages of a step");

  std::vector<double> steps, computes, sends, ratios;
  for (int turn = 0; turn < 9; ++turn) {
    const auto once = [&](const std::function<void()>& work) {
      return bench::measure_once(world, [&] { work(), work(), work(); }) / 3;
    };
    steps.push_back(once([&] { network.step(x, t); }));
    computes.push_back(once([&] { alone.step(x, t); }));
    sends.push_back(once([&] { messages.send(); }));
    ratios.push_back(steps.back() / std::max(computes.back(), sends.back()));
  }
  const auto print = [&](const std::string& name, const std::vector<double>& seconds) {
    const bench::Times times = bench::median_of(seconds);
    bench::print(world, name, render_duration(times.median), bench::spread(times));
  };
  print("a step", steps);
  print("computing alone", computes);
  print("communication alone, " + render_bytes(static_cast<double>(bytes)), sends);
  const bench::Times ratio = bench::median_of(ratios);
  bench::print(world, "a step / the larger of the two", render_fixed(ratio.median, 3),
               "(" + render_fixed(ratio.smallest, 3) + " to " + render_fixed(ratio.largest, 3) +
                   "); 1 is all hidden");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "overlap: 256 x 1024, 4 layers", measure_all);
}
