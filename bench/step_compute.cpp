// What a rank of two computes in a step, without the other rank: the time of its processor, which a
// busy machine disturbs far less than wide_step's clock. Beside it, in turn, the products alone and
// AdamW's bytes at the rate of a copy.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"
#include "silent_transport.hpp"

namespace {

using namespace colonnade;

constexpr Index layers = 4;

/// Milliseconds of this thread's processor.
template <class Work>
double processor_time(Work&& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
  };
  const double begin = now();
  work();
  return now() - begin;
}

void measure(const ProcessGroup& world, Index batch, Index width, int rounds) {
  ProcessGroup group(std::make_unique<bench::SilentTransport>(0, 2));
  Mlp model(group, {.widths = std::vector<Index>(layers + 1, width), .activate_last = true});
  AdamW optimizer(model.parameters(), {});
  const MeanSquare loss(group, model.output());
  TrainingStep step(model, loss, optimizer, nullptr, {.gradients = UsedGradients::zero});
  const Tensor x = sample_data(batch, width, 0, "x"), t = sample_data(batch, width, 0, "t");
  const Tensor w = sample_data(width, width / 2, 0, "w");
  Tensor z(batch, width / 2), dx(batch, width), dw = Tensor::zeros(width, width / 2);
  // A copy through as much memory as AdamW's four numbers a parameter; AdamW moves 7, the copy 4.
  const Index half = 2 * layers * width * (width / 2);
  Tensor from = Tensor::zeros(half, 1), to = Tensor::zeros(half, 1);

  std::vector<double> steps, products, copies, parts;
  for (int i = 0; i <= rounds; ++i) {
    const double product = processor_time([&] {
      for (Index layer = 0; layer < layers; ++layer) {
        linear_forward(x, w, z);
        if (layer > 0) linear_backward_input(z, w, dx);
        linear_backward_weight(x, z, dw);
      }
    });
    const double copy =
        7.0 / 4 * processor_time([&] { std::copy_n(from.data(), half, to.data()); });
    const double all = processor_time([&] {
      step.begin(batch, 1);
      step.add(x.clone(model.memory()), t.clone(model.memory()), 0);
      step.finish();
    });
    if (i == 0) continue;  // the first warms up
    steps.push_back(all);
    products.push_back(product);
    copies.push_back(copy);
    parts.push_back(100 * (product + copy) / all);
  }
  const auto text = [](std::vector<double> numbers, const char* unit) {
    const bench::Times times = bench::median_of(std::move(numbers));
    return std::pair(
        render_fixed(times.median, 2) + unit,
        "(" + render_fixed(times.smallest, 2) + " to " + render_fixed(times.largest, 2) + ")");
  };
  const auto print = [&](const char* name, const std::pair<std::string, std::string>& line) {
    bench::print(world, name, line.first, line.second);
  };
  bench::print(world, std::to_string(batch) + " x " + std::to_string(width), "");
  print("a step", text(steps, " ms"));
  print("products alone", text(products, " ms"));
  print("AdamW's bytes at a copy's rate", text(copies, " ms"));
  print("both of the step", text(parts, " %"));
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "step compute: one rank of two, 4 layers",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      if (arguments.trial) return measure(world, 2, 32, 1);
                      measure(world, 64, 1024, 51);
                      measure(world, 512, 2048, 9);
                    });
}
