// AdamW beside a copy, in bytes a second: it reads gradient, value and moments and writes all but
// the gradient, 7 numbers a parameter; the copy goes through as much memory, from one half to the
// other. On all ranks at once, in and beyond the caches.
#include <algorithm>
#include <cmath>

#include "bench.hpp"
#include "colonnade/device_array.hpp"
#include "colonnade/ops.hpp"

namespace {

using namespace colonnade;

constexpr AdamWCoefficients coefficients = {.learning_rate = 1e-3,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .eps = 1e-8,
                                            .weight_decay = 0.01,
                                            .correction1 = 0.1,
                                            .correction2 = 0.001};

/// A tensor with its moments.
struct State {
  explicit State(Index size) : value(size, 1), gradient(size, 1), first(size, 1), second(size, 1) {
    for (Tensor* tensor : {&value, &gradient, &first, &second}) {
      write_from_host(*tensor, [](MatrixView numbers) {
        std::fill_n(numbers.data, numbers.size(), Scalar{0.5});
      });
    }
  }
  void update() { adamw_update(told.span(), gradient, value, first, second); }
  Tensor value, gradient, first, second;
  DeviceArray<AdamWCoefficients> told{std::span(&coefficients, 1)};
};

void check_update() {
  State state(1000);
  state.update();
  const double want = 0.5 * (1 - 1e-5) -
                      1e-3 * (0.5 / 0.1) / (std::sqrt((0.999 * 0.5 + 0.001 * 0.25) / 0.001) + 1e-8);
  bench::require(std::abs(double{OnHost(state.value)(999, 0)} - want) < 1e-6,
                 "AdamW against its formula");
}

void compare(ProcessGroup& world, Index size, const bench::Arguments& arguments) {
  State state(size);
  Tensor from(2 * size, 1), to(2 * size, 1);
  from.set_zero();
  to.set_zero();
  // Sizes in the cache take microseconds: as many of them as are long enough to be timed.
  const Index times = std::max<Index>(1, arguments.pick(4'000'000, 0) / size);
  const auto bytes = static_cast<std::size_t>(from.size()) * sizeof(Scalar);
  const auto copy = [&] {
    for (Index i = 0; i < times; ++i) copy_bytes(from.data(), to.data(), bytes);
  };
  const auto update = [&] {
    for (Index i = 0; i < times; ++i) state.update();
  };
  copy();
  update();
  const double copied = 4.0 * static_cast<double>(size * times) * sizeof(Scalar);
  const double updated = copied * 7 / 4;
  const bench::Comparison times_of = bench::compare(world, arguments.pick(9, 1), copy, update);
  const auto rate = [](double bytes, double seconds) {
    return render_fixed(bytes / seconds * 1e-9, 1) + " GB/s";
  };
  bench::print(world, std::to_string(size) + " parameters",
               render_fixed(100 * times_of.ratio.median * updated / copied, 1) + " %",
               "of a copy: " + rate(updated, times_of.divisor.median) + " of " +
                   rate(copied, times_of.dividend.median) + " on each rank; (" +
                   render_fixed(100 * times_of.ratio.smallest * updated / copied, 1) + " to " +
                   render_fixed(100 * times_of.ratio.largest * updated / copied, 1) + ")");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "optimizer: AdamW against a copy",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      check_update();
                      for (const Index k : {16, 256, 2 * 1024, 16 * 1024})
                        compare(world, k * arguments.pick(1024, 4), arguments);
                    });
}
