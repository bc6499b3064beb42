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

RowParallelLinear::Output RowParallelLinear::forward(Tensor x,
                                                     const ForwardContext& context) const {
  const AccountScope charge = group_->charge(account_, Phase::forward);
  Tensor y;
  Tensor derivative = compute(x, context, y);
  if (options_.recompute) derivative = Tensor();
  return {std::move(y), {std::move(x), std::move(derivative), context}};
}

// y = s(sum of X_r W_r + b), all or own columns; returns the derivative, or nothing if it is 1.
Tensor RowParallelLinear::compute(ConstMatrixView x, const ForwardContext& context,
                                  Tensor& y) const {
  Tensor z(x.rows, options_.out, memory());
  forward_product(x, z);  // partial Z = X_r W_r
  if (shard_output_) {
    z = ReduceScatterColumns::forward(*group_, output_cut_, z, sum_order());  // own columns of Z
  } else {
    ReduceFromRanks::forward(*group_, z, sum_order());  // Z
  }
  if (derivative_is_one()) {
    add_bias(z);
    y = std::move(z);
    return {};
  }
  y = Tensor(z.rows(), z.cols(), memory());
  activate(context, output_cut_.range(shard_output_ ? group_->rank() : 0).begin, z, y);  // s(Z + b)
  return z;
}

Tensor RowParallelLinear::backward(Cache cache, Tensor dy) {
  const AccountScope charge = group_->charge(account_, Phase::backward);
  if (options_.recompute && !derivative_is_one()) {
    Tensor y;
    cache.derivative = compute(cache.x, cache.context, y);  // sums over the ranks once more
  }
  // dZ = dY * s', db += 1^T dZ
  Tensor dz = backward_activation(std::move(cache.derivative), std::move(dy));
  if (shard_output_) dz = ReduceScatterColumns::backward(*group_, output_cut_, dz);  // all columns

  Tensor dx_local(cache.x.rows(), cache.x.cols(), memory());
  backward_input(dz, dx_local);  // dX_r = dZ W_r^T
  backward_weight(cache.x, dz);  // dW_r += X_r^T dZ
  return dx_local;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
