// What exact mode costs: the three products of a layer in 8 logical shards, all on one rank, beside
// those of the layer in one piece. And the elementwise ops and sums beside the memory they touch.
#include <omp.h>

#include <cmath>
#include <limits>
#include <vector>

#include "bench.hpp"
#include "colonnade/device_array.hpp"
#include "colonnade/gradient_check.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"

namespace {

using namespace colonnade;

constexpr Index shards = 8;

struct Layer {
  Layer(Index batch, Index width)
      : x(sample_data(batch, width, 0, "x")),
        w(sample_data(width, width, 0, "w")),
        z(batch, width),
        dx(batch, width),
        dw(Tensor::zeros(width, width)) {}
  Tensor x, w, z, dx, dw;
};

using Product = void (*)(Layer& layer, const WeightShards& cut);
void forward(Layer& layer, const WeightShards& cut) {
  linear_forward(layer.x, layer.w, layer.z, cut);
}
void backward_input(Layer& layer, const WeightShards& cut) {
  linear_backward_input(layer.x, layer.w, layer.dx, cut);
}
void backward_weight(Layer& layer, const WeightShards& cut) {
  linear_backward_weight(layer.x, layer.x, layer.dw, cut);
}

WeightShards weight_shards(Index width, WeightShards::Axis axis, std::vector<Range>& ranges) {
  ranges.clear();
  for (Index i = 0; i < shards; ++i) ranges.push_back(shard_range(width, shards, i));
  return {axis, ranges};
}

void check_products() {
  // Prime, so that shards and tiles are uneven.
  const Index n = 67, k = 211, m = 509;
  const Tensor x = sample_data(n, k, 0, "x"), w = sample_data(k, m, 0, "w");
  const Tensor dz = sample_data(n, m, 0, "dz");
  const auto close = [](ConstMatrixView got, ConstMatrixView want) {
    return gradient_error(got, want).within(1024 * std::numeric_limits<Scalar>::epsilon());
  };
  for (const auto axis : {WeightShards::Axis::outputs, WeightShards::Axis::inputs}) {
    std::vector<Range> ranges;
    const WeightShards cut =
        weight_shards(axis == WeightShards::Axis::outputs ? m : k, axis, ranges);
    Tensor z(n, m), dx(n, k), dw = Tensor::zeros(k, m);
    Tensor want_z(n, m), want_dx(n, k), want_dw = Tensor::zeros(k, m);
    linear_forward(x, w, z, cut);
    linear_backward_input(dz, w, dx, cut);
    linear_backward_weight(x, dz, dw, cut);
    linear_forward(x, w, want_z);
    linear_backward_input(dz, w, want_dx);
    linear_backward_weight(x, dz, want_dw);
    bench::require(close(z, want_z) && close(dx, want_dx) && close(dw, want_dw),
                   "exact products against fast ones");
  }
}

void compare_products(ProcessGroup& world, Index batch, Index width, int repetitions) {
  Layer layer(batch, width);
  const double flops = 2.0 * static_cast<double>(batch * width * width);
  const auto rate = [&](double seconds) { return render_fixed(flops / seconds * 1e-9, 1); };
  const struct {
    const char* name;
    Product run;
  } products[] = {{"forward", forward},
                  {"backward, input", backward_input},
                  {"backward, weight", backward_weight}};
  for (const auto axis : {WeightShards::Axis::outputs, WeightShards::Axis::inputs}) {
    std::vector<Range> ranges;
    const WeightShards cut = weight_shards(width, axis, ranges);
    double exact_total = 0, fast_total = 0;
    for (const auto& product : products) {
      // In turns, so that both see the machine in the same state; and the smallest of each, because
      // whatever else runs there can only add.
      double exact = std::numeric_limits<double>::infinity(), fast = exact;
      for (int i = 0; i < repetitions; ++i) {
        fast = std::min(fast, bench::measure(world, 1, [&] { product.run(layer, {}); }).median);
        exact = std::min(exact, bench::measure(world, 1, [&] { product.run(layer, cut); }).median);
      }
      exact_total += exact;
      fast_total += fast;
      bench::print(world, std::string("  ") + product.name, render_fixed(exact / fast, 3),
                   rate(exact) + " GFLOP/s of " + rate(fast));
    }
    const std::string name = axis == WeightShards::Axis::outputs ? " by outputs" : " by inputs";
    bench::print(
        world, "width " + std::to_string(width) + name, render_fixed(exact_total / fast_total, 3),
        "exact " + render_duration(exact_total) + " over fast " + render_duration(fast_total));
  }
}

void time_others(ProcessGroup& world, Index batch, Index width, int repetitions) {
  Layer layer(batch, width);
  const Tensor t = layer.z.clone();
  Numbers largest(std::vector<double>(static_cast<std::size_t>(batch), 1.0)), sums(3 * batch);
  const auto time = [&](const std::string& name, double elements, const auto& work) {
    const bench::Times times = bench::measure(world, repetitions, work);
    bench::print(world, name, render_duration(times.smallest),
                 render_fixed(times.smallest / elements * 1e9, 3) + " ns an element");
  };
  const auto outputs = static_cast<double>(batch * width);
  const auto weights = static_cast<double>(width * width);
  layer.z.set_zero();
  time("activation, tanh GELU", outputs,
       [&] { activation_forward(Activation::gelu_tanh, {}, layer.x, layer.z); });
  time("activation, erf GELU", outputs,
       [&] { activation_forward(Activation::gelu_erf, {}, layer.x, layer.z); });
  Tensor db = Tensor::zeros(1, width);
  time("activation, backward", outputs, [&] { activation_backward(layer.z, layer.x, db); });
  time("dropout", outputs, [&] {
    dropout_forward({KeyedRandom(0, "mask"), 0.1, 0, 0}, layer.z, layer.x);
  });
  layer.z.set_zero();
  time("row_largest", outputs, [&] { row_largest(layer.z, largest.span()); });
  time("cross-entropy, forward", outputs,
       [&] { cross_entropy_forward(layer.z, layer.x, largest.span(), sums.span()); });
  time("cross-entropy, backward", outputs, [&] {
    cross_entropy_backward(layer.z, layer.x, sums.span().first(static_cast<std::size_t>(batch)),
                           0.1, width, 1, layer.dx);
  });
  time("sum of squares", weights, [&] { sum_of_squares(layer.w); });
  Tensor m = Tensor::zeros(width, width), v = m.clone();
  const DeviceArray<AdamWCoefficients> coefficients(
      std::vector<AdamWCoefficients>{{1e-3, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001}});
  time("AdamW", weights, [&] { adamw_update(coefficients.span(), layer.dw, layer.w, m, v); });
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(
      argc, argv, "exact products: batch 512, 8 shards",
      [](ProcessGroup& world, const bench::Arguments& arguments) {
        const Index batch = arguments.pick(512, 16);
        const int repetitions = arguments.pick(25, 1);
        check_products();
        // A GPU's kernels have threads of their own.
        const int all = host_reaches_device_memory() ? omp_get_max_threads() : 1;
        for (int threads = 1; threads <= all; threads = threads < all ? all : all + 1) {
          omp_set_num_threads(threads);
          bench::print(world, "threads of a rank", std::to_string(threads));
          for (const Index width : {1024, 2048})
            compare_products(world, batch, arguments.pick(width, width / 32), repetitions);
          time_others(world, batch, arguments.pick(1024, 32), repetitions);
        }
      });
}
