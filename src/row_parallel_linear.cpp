#include "colonnade/row_parallel_linear.hpp"

#include <utility>

#include "colonnade/regions.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

using Options = LinearLayer::Options;

Sharding cut_inputs(const ProcessGroup& group, const Options& options) {
  return {options.in, group.size(), options.shards, "the inputs of " + options.name};
}

Sharding cut_outputs(const ProcessGroup& group, const Options& options, bool sharded) {
  return {options.out, sharded ? group.size() : 1, sharded ? options.shards : 0,
          "the outputs of " + options.name};
}

Parameter own_rows(const ProcessGroup& group, const Options& options) {
  const Sharding cut = cut_inputs(group, options);
  return {.owned_rows = cut.range(group.rank()),
          .owned_cols = {0, options.out},
          .axis = WeightShards::Axis::inputs,
          .shards = options.shards > 0 ? cut.shards_of(group.rank()) : std::vector<Range>{}};
}

Parameter own_bias(const ProcessGroup& group, const Options& options, bool sharded) {
  const Sharding cut = cut_outputs(group, options, sharded);
  const int part = sharded ? group.rank() : 0;
  return {.owned_rows = {0, 1},
          .owned_cols = options.bias ? cut.range(part) : Range{},
          .is_bias = true,
          .replicated = !sharded,
          .axis = WeightShards::Axis::outputs,
          .shards = sharded && options.shards > 0 ? cut.shards_of(part) : std::vector<Range>{}};
}

}  // namespace

RowParallelLinear::RowParallelLinear(ProcessGroup& group, const Options& options, bool shard_output)
    : LinearLayer(group, options, own_rows(group, options), own_bias(group, options, shard_output)),
      shard_output_(shard_output),
      input_cut_(cut_inputs(group, options)),
      output_cut_(cut_outputs(group, options, shard_output)) {}

RowParallelLinear::Forward RowParallelLinear::begin_forward(Tensor x, const ForwardContext& context,
                                                            bool overlap) const {
  const AccountScope charge = group_->charge(account_, Phase::forward);
  Forward begun;
  begun.context = context;
  begun.under_way = overlap;
  begun.z = partial_sum(x);
  begun.x = std::move(x);
  if (!overlap) {
    begun.z = sum_over_ranks(std::move(begun.z));
  } else if (shard_output_) {
    begun.y = ReduceScatterColumns::start_forward(*group_, output_cut_, begun.z);
  } else {
    ReduceFromRanks::start_forward(*group_, begun.z);
  }
  return begun;
}

RowParallelLinear::Output RowParallelLinear::finish_forward(Forward begun) const {
  const AccountScope charge = group_->charge(account_, Phase::forward);
  if (begun.under_way) {
    group_->finish_first();
    if (shard_output_) begun.z = std::move(begun.y);
  }
  Tensor y;
  Tensor derivative = activate_sum(std::move(begun.z), begun.context, y);
  if (options_.recompute) derivative = Tensor();
  return {std::move(y), {std::move(begun.x), std::move(derivative), begun.context}};
}

// X_r W_r, all columns.
Tensor RowParallelLinear::partial_sum(ConstMatrixView x) const {
  Tensor z(x.rows, options_.out, group_->visible_memory());
  forward_product(x, z);
  return z;
}

// Z, all or own columns.
Tensor RowParallelLinear::sum_over_ranks(Tensor partial) const {
  if (shard_output_)
    return ReduceScatterColumns::forward(*group_, output_cut_, partial, sum_order());
  ReduceFromRanks::forward(*group_, partial, sum_order());
  return partial;
}

// y = s(Z + b); returns the derivative, or nothing if it is 1.
Tensor RowParallelLinear::activate_sum(Tensor z, const ForwardContext& context, Tensor& y) const {
  const Index first_col = output_cut_.range(shard_output_ ? group_->rank() : 0).begin;
  if (derivative_is_one()) {
    add_bias(first_col, z);
    y = std::move(z);
    return {};
  }
  y = Tensor(z.rows(), z.cols(), memory());
  activate(context, first_col, z, y);
  return z;
}

RowParallelLinear::Backward RowParallelLinear::begin_backward(Cache cache, Tensor dy,
                                                              bool /*overlap*/) {
  const AccountScope charge = group_->charge(account_, Phase::backward);
  if (options_.recompute && !derivative_is_one()) {
    Tensor y;
    Tensor z = sum_over_ranks(partial_sum(cache.x));  // once more
    cache.derivative = activate_sum(std::move(z), cache.context, y);
  }
  Backward begun;
  // dZ = dY * s', db += 1^T dZ
  begun.dz = backward_activation(std::move(cache.derivative), false, std::move(dy),
                                 output_cut_.range(shard_output_ ? group_->rank() : 0).begin);
  if (shard_output_)
    begun.dz = ReduceScatterColumns::backward(*group_, output_cut_, begun.dz);  // all columns
  begun.x = std::move(cache.x);  // for dW_r += X_r^T dZ
  begun.dx = Tensor(begun.x.rows(), begun.x.cols(), memory());
  backward_input(begun.dz, begun.dx);  // dX_r = dZ W_r^T
  return begun;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
