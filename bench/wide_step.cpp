// Steps that are nearly all matrix products, fetching their batches, beside the limit of the
// machine for them. And the memory of a rank.
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "bench.hpp"
#include "colonnade/random.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/trainer.hpp"
#include "products.hpp"
#include "step_limit.hpp"

namespace {

using namespace colonnade;

using bench::layers;
using bench::network;
using bench::Shape;

void compare_with_one_rank(ProcessGroup& world) {
  ProcessGroup alone = ProcessGroup::self();
  Mlp sharded(world, network(64)), whole(alone, network(64));
  AdamW one(sharded.parameters(), {}), other(whole.parameters(), {});
  const Tensor x = sample_data(16, 64, 0, "x"), t = sample_data(16, 64, 0, "t");
  for (int step = 0; step < 3; ++step) {
    const double loss = training_step(sharded, one, x.clone(), t);
    const double want = training_step(whole, other, x.clone(), t);
    bench::require(std::abs(loss - want) < 1e-4 * want, "loss against one rank");
  }
}

/// A network in training, a batch after the other fetched from 8 batches of samples.
class Training {
 public:
  Training(ProcessGroup& world, Shape shape)
      : shape_(shape),
        model_(world, network(shape.width)),
        loss_(world, model_.output()),
        optimizer_(model_.parameters(), {}),
        step_(model_, loss_, optimizer_, nullptr, {.gradients = UsedGradients::zero}),
        data_(sample_data(shape.width, 8 * shape.batch, 0, "x", system_memory()),
              sample_data(shape.width, 8 * shape.batch, 0, "t", system_memory()), "x", "t"),
        order_(shuffled_order(8 * shape.batch, 0, 1)) {}

  void step() {
    const Index rows = shape_.batch;
    Tensor x(rows, shape_.width, model_.memory()), t(rows, shape_.width, model_.memory());
    data_.fetch_batch({order_.data() + next_, static_cast<std::size_t>(rows)}, x, t);
    next_ = (next_ + rows) % data_.samples();
    step_.begin(rows, 1);
    step_.add(std::move(x), std::move(t), 0);
    step_.finish();
  }

  double flops() const { return model_.step_flops(shape_.batch); }
  /// On this rank.
  Index parameters() const {
    Index count = 0;
    for (const Parameter* parameter : model_.parameters()) count += parameter->value.size();
    return count;
  }
  /// Parameters, gradients, moments, data, and what a step must keep: input and derivative of each
  /// layer, the last output, the targets. The outputs of layers are one memory for all ranks, and
  /// count for one of so many.
  double bytes_needed(int ranks, int outputs_among) const {
    const double outputs = static_cast<double>(layers) / outputs_among;
    const double derivatives = static_cast<double>(layers) / ranks;
    const double kept =
        static_cast<double>(shape_.batch * shape_.width) * (2 + outputs + derivatives);
    return (4 * static_cast<double>(parameters()) + kept) * sizeof(Scalar) +
           static_cast<double>(data_.bytes());
  }

 private:
  Shape shape_;
  Mlp model_;
  MeanSquare loss_;
  AdamW optimizer_;
  TrainingStep step_;
  MatrixDataset data_;
  std::vector<Index> order_;
  Index next_ = 0;
};

/// What this process has in memory, a page that n processes have counting for 1/n of it; 0 where
/// the system doesn't say.
std::int64_t memory_by_share() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  std::string word;
  while (rollup >> word) {
    std::int64_t kibibytes = 0;
    if (word == "Pss:" && rollup >> kibibytes) return 1024 * kibibytes;
  }
  return 0;
}

/// Of the rank that has most, once in full and once with what ranks have in common shared among
/// them. A step gives nothing back to the system, so that what is there after some is the peak.
void print_memory(ProcessGroup& world, const Training& training) {
  const auto print = [&](const char* name, std::int64_t bytes, double needed) {
    const double most = static_cast<double>(world.all_reduce(bytes, Reduction::max));
    bench::print(world, name, render_bytes(most),
                 render_fixed(most / needed, 3) + " of parameters, gradients, moments, kept " +
                     "activations and data: " + render_bytes(needed));
  };
  print("memory of a rank", static_cast<std::int64_t>(peak_memory()),
        training.bytes_needed(world.size(), 1));
  const bool shares = world.common_memory() != world.memory();
  print("the same, shared pages by share", memory_by_share(),
        training.bytes_needed(world.size(), shares ? world.size() : 1));
}

void measure(ProcessGroup& world, Shape shape, bool with_memory) {
  bench::print(world,
               std::to_string(shape.batch) + " x " + std::to_string(shape.width) + ", " +
                   std::to_string(layers) + " layers",
               "");
  Training training(world, shape);
  for (int i = 0; i < 3; ++i) training.step();
  // Of a GPU's memory the system knows nothing.
  if (with_memory && host_reaches_device_memory()) print_memory(world, training);
  bench::Products products(shape.batch, shape.width, shape.width / world.size(), layers);
  // Rounds of small steps are many, since each is soon disturbed.
  const int count = training.flops() > 1e10 ? 9 : 101;
  const auto rounds = bench::measure_rounds(
      world, count, training.parameters(), [&] { products.compute(); }, [&] { training.step(); });
  bench::print_rounds(world, rounds, training.flops(), "products alone");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "wide steps",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      compare_with_one_rank(world);
                      if (arguments.trial) return measure(world, {.batch = 16, .width = 32}, true);
                      measure(world, {.batch = 512, .width = 2048}, true);
                      measure(world, {.batch = 64, .width = 1024}, false);
                    });
}
