// One layer with its outputs cut between two ranks and gathered: by hand, in three lines, and as
// the library's layer.

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index in = 3, out = 5;

// The same weights on any number of ranks: every element is looked up by its place in the whole.
ColumnParallelLinear make_layer(ProcessGroup& group) {
  ColumnParallelLinear layer(
      group,
      {.name = "layer", .in = in, .out = out, .activation = Activation::gelu_tanh, .seed = 4},
      /*gather_output=*/true, InputGradient::none);
  Parameter& bias = layer.bias();
  for (Index j = 0; j < bias.value.cols(); ++j)
    bias.value(0, j) = 0.1 * static_cast<Scalar>(bias.owned_cols.begin + j);
  return layer;
}

Tensor input() {
  return matrix({{1, 2, -1},  //
                 {0.5, -1, 1}});
}

// Forward by hand, of the rank's columns w and b of the weight and bias.
Tensor forward_by_hand(ProcessGroup& group, const Sharding& cut, ConstMatrixView x,
                       ConstMatrixView w, ConstMatrixView b) {
  const Range own = cut.range(group.rank());
  Tensor y = Tensor::zeros(x.rows, cut.total());
  Tensor z(x.rows, own.size());
  linear_forward(x, w, z);                                          // Z_r = X W_r
  activation_forward(Activation::gelu_tanh, b, z, y.columns(own));  // Y[:, r] = s(Z_r + b_r)
  say_all(group, "computes its columns:\n" + show(y.columns(own), 2));
  GatherColumns::forward(group, cut, y);  // Y = all-gather
  return y;
}

bool compare(ProcessGroup& group) {
  const ColumnParallelLinear layer = make_layer(group);
  const Parameter& weight = layer.weight();
  say_all(group, "holds columns " + std::to_string(weight.owned_cols.begin) + " to " +
                     std::to_string(weight.owned_cols.end - 1) + " of W:\n" +
                     show(weight.value, 2));

  const Tensor y =
      forward_by_hand(group, layer.output_cut(), input(), weight.value, layer.bias().value);
  say_all(group, "has after the gather:\n" + show(y, 2));

  const std::int64_t before = group.total_traffic().bytes_sent;
  const LinearLayer::Output output = layer.forward(input());
  const std::int64_t sent = group.total_traffic().bytes_sent - before;
  const Tensor& kept = output.cache.derivative;
  say_all(group, "keeps for backward X " + std::to_string(output.cache.x.rows()) + "x" +
                     std::to_string(output.cache.x.cols()) + " and s' " +
                     std::to_string(kept.rows()) + "x" + std::to_string(kept.cols()) + ", sent " +
                     std::to_string(sent) + " bytes\n");

  ProcessGroup alone = ProcessGroup::self();
  const LinearLayer::Output whole = make_layer(alone).forward(input());
  const bool same =
      check(group, "the library's layer computes the same", distance(output.y, y) < 1e-12);
  const bool parity = check(group, "and so does one rank alone", distance(whole.y, y) < 1e-12);
  return same && parity;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool right = compare(group);
    if (group.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
