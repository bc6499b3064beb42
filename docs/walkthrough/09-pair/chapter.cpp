// A layer cut by its inputs, as sums that are added up; and the pair that it forms with a layer cut
// by its outputs, whose hidden activation never travels.

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/row_parallel_linear.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Y = X W + b, with the rows of W cut. The bias is added once, after the sum.
bool cut_inputs(ProcessGroup& group) {
  const Tensor x = matrix({{1, 2, 3, 4}});
  const Tensor w = matrix({{1, 0, 2}, {0, 1, 1}, {1, 1, 0}, {2, 0, 1}});
  const Tensor b = matrix({{100, 200, 300}});
  const Range own = Sharding(4, group.size(), "the inputs").range(group.rank());

  Tensor y(1, 3);
  linear_forward(x.columns(own), rows_of(w, own, group.memory()), y);
  say_all(group, "has a part of each sum:\n" + show(y));
  ReduceFromRanks::forward(group, y);
  bias_forward(b, y);
  say_all(group, "has the sums, and adds b:\n" + show(y));

  return check(group, "Y is X W + b", distance(y, matrix({{112, 205, 308}})) == 0);
}

constexpr Index batch = 6, narrow = 4, wide = 16;  // d and 4 d

LinearLayer::Options layer(const char* name, Index in, Index out) {
  return {.name = name, .in = in, .out = out, .activation = Activation::gelu_tanh};
}

struct Result {
  Tensor y;
  Tensor dx;
  std::int64_t bytes;
};

// Two layers, d -> 4 d -> d, forward and backward: the gradient of the sum of all y.
Result run(ProcessGroup& group, LinearLayer& first, LinearLayer& second, Range dy_columns) {
  const Traffic before = group.total_traffic();
  auto [hidden, first_cache] = first.forward(sample_data(batch, narrow, 1, "x"));
  auto [y, second_cache] = second.forward(std::move(hidden));
  Tensor dy(batch, dy_columns.size());
  std::fill_n(dy.data(), dy.size(), 1.0);
  Tensor dx = first.backward(std::move(first_cache),
                             second.backward(std::move(second_cache), std::move(dy)));
  return {std::move(y), std::move(dx), (group.total_traffic() - before).bytes_sent};
}

Result run_gathering(ProcessGroup& group) {
  ColumnParallelLinear first(group, layer("first", narrow, wide), true, InputGradient::own_columns);
  ColumnParallelLinear second(group, layer("second", wide, narrow), true,
                              InputGradient::own_columns);
  return run(group, first, second, second.output_cut().range(group.rank()));
}

Result run_pair(ProcessGroup& group) {
  ColumnParallelLinear first(group, layer("first", narrow, wide), false, InputGradient::complete);
  RowParallelLinear second(group, layer("second", wide, narrow), false);
  return run(group, first, second, {0, narrow});
}

bool compare(ProcessGroup& group) {
  const Result gathering = run_gathering(group), pair = run_pair(group);
  const double unit = (1 - 1.0 / group.size()) * batch * narrow * sizeof(Scalar);  // (P - 1) / P M
  if (group.rank() == 0)
    std::printf(
        "two layers, %td -> %td -> %td, in units of (P - 1) / P M:\n"
        "  every output gathered: %.0f\n  a pair:                %.0f\n",
        narrow, wide, narrow, static_cast<double>(gathering.bytes) / unit,
        static_cast<double>(pair.bytes) / unit);
  const Range own = Sharding(narrow, group.size(), "x").range(group.rank());
  const double dx_differs = distance(std::as_const(pair.dx).columns(own), gathering.dx);
  const bool same_y =
      check(group, "both compute the same Y", distance(pair.y, gathering.y) < 1e-12);
  const bool same_dx = check(group, "and the same dX", dx_differs < 1e-12);
  return same_y && same_dx;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool sums = cut_inputs(group);
    if (group.rank() == 0) std::printf("\n");
    const bool pair = compare(group);
    if (group.rank() == 0) fine = sums && pair;
  });
  return fine ? 0 : 1;
}
