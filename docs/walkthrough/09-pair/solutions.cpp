// Solutions of chapter 9; exits with 1 if one is wrong.

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/row_parallel_linear.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 2, d = 12;

// Exercise 1: a bias that each rank adds before the sum is in it P times: P - 1 too many.
bool bias_counts_p_times(ProcessGroup& group) {
  const Tensor x = sample_data(batch, d, 1, "x"), w = sample_data(d, 3, 1, "w");
  const Tensor b = matrix({{10, 20, 30}});
  const Range own = Sharding(d, group.size(), "the inputs").range(group.rank());
  Tensor after(batch, 3);
  linear_forward(x.columns(own), rows_of(w, own, group.memory()), after);
  Tensor before = after.clone();

  bias_forward(b, before);
  ReduceFromRanks::forward(group, before);
  ReduceFromRanks::forward(group, after);
  bias_forward(b, after);

  for (int extra = 1; extra < group.size(); ++extra) bias_forward(b, after);
  return distance(before, after) < 1e-12;
}

// Exercise 2: what forward and backward of two layers d -> hidden -> d send.
std::int64_t bytes_of(ProcessGroup& group, LinearLayer& first, LinearLayer& second, Index dy_cols) {
  const Traffic before = group.total_traffic();
  auto [hidden, first_cache] = first.forward(sample_data(batch, d, 1, "x"));
  auto [y, second_cache] = second.forward(std::move(hidden));
  first.backward(std::move(first_cache),
                 second.backward(std::move(second_cache), Tensor::zeros(batch, dy_cols)));
  return (group.total_traffic() - before).bytes_sent;
}

std::int64_t bytes_gathering(ProcessGroup& group, Index hidden) {
  const auto dx = InputGradient::own_columns;
  ColumnParallelLinear first(group, {.name = "first", .in = d, .out = hidden}, true, dx);
  ColumnParallelLinear second(group, {.name = "second", .in = hidden, .out = d}, true, dx);
  return bytes_of(group, first, second, d / group.size());
}

std::int64_t bytes_of_pair(ProcessGroup& group, Index hidden) {
  const auto dx = InputGradient::complete;
  ColumnParallelLinear first(group, {.name = "first", .in = d, .out = hidden}, false, dx);
  RowParallelLinear second(group, {.name = "second", .in = hidden, .out = d}, false);
  return bytes_of(group, first, second, d);
}

// Gathering sends hidden + d forward and d + hidden backward, the pair 2 d and 2 d: equal at d.
bool pair_pays_off_above_d(ProcessGroup& group) {
  return bytes_gathering(group, d / 2) < bytes_of_pair(group, d / 2) &&
         bytes_gathering(group, d) == bytes_of_pair(group, d) &&
         bytes_gathering(group, 2 * d) > bytes_of_pair(group, 2 * d);
}

}  // namespace

int main() {
  bool fine = true;
  for (const int ranks : {2, 3})
    spawn(ranks, [&](ProcessGroup& group) {
      const bool bias =
          check(group, "1: the bias is there P - 1 times too often", bias_counts_p_times(group));
      const bool bytes = check(group, "2: a pair sends less if it is wider inside than outside",
                               pair_pays_off_above_d(group));
      if (group.rank() == 0) fine &= bias && bytes;
    });
  return fine ? 0 : 1;
}
