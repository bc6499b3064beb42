// Solutions of chapter 4; exits with 1 if one is wrong.

#include <utility>

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 2, width = 8;

Tensor input() {
  Tensor x(batch, width);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = std::sin(static_cast<Scalar>(i));
  return x;
}

ColumnParallelLinear make_layer(ProcessGroup& group, const char* name) {
  return {group,
          {.name = name, .in = width, .out = width, .activation = Activation::gelu_erf, .seed = 4},
          /*gather_output=*/true,
          InputGradient::none};
}

// Exercise 1: gather Z and activate all of it. s works on each element alone, so that Y is the
// same; but every rank computes s for all columns, P times the work in all.
bool gather_first(ProcessGroup& group) {
  const ColumnParallelLinear layer = make_layer(group, "layer");
  const Sharding& cut = layer.output_cut();
  const Tensor x = input();
  Tensor z(batch, width), y(batch, width);
  linear_forward(x, layer.weight().value, z.columns(cut.range(group.rank())));
  GatherColumns::forward(group, cut, z);
  activation_forward(Activation::gelu_erf, {}, z, y);
  return distance(y, layer.forward(input()).y) < 1e-12;
}

// Exercise 2: a chain of two layers has two all-gathers of M = batch * width numbers, and a rank
// sends at least (P - 1) / P M in each.
bool bytes_are_as_predicted(ProcessGroup& group) {
  const ColumnParallelLinear lower = make_layer(group, "lower"), upper = make_layer(group, "upper");
  const std::int64_t before = group.total_traffic().bytes_sent;
  Tensor y = lower.forward(input()).y;
  y = upper.forward(std::move(y)).y;
  const std::int64_t sent = group.total_traffic().bytes_sent - before;

  const std::int64_t ranks = group.size();
  const std::int64_t bytes = batch * width * static_cast<std::int64_t>(sizeof(Scalar));
  return sent == 2 * (ranks - 1) * bytes / ranks;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(4, [&](ProcessGroup& group) {
    const bool first =
        check(group, "1: gathered before s or after it, Y is the same", gather_first(group));
    const bool second =
        check(group, "2: the bytes are as predicted", bytes_are_as_predicted(group));
    if (group.rank() == 0) fine = first && second;
  });
  return fine ? 0 : 1;
}
