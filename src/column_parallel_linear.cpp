#include "colonnade/column_parallel_linear.hpp"

#include <utility>

#include "colonnade/regions.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

using Options = LinearLayer::Options;

Sharding cut_outputs(const ProcessGroup& group, const Options& options) {
  return {options.out, group.size(), options.shards, "the outputs of " + options.name};
}

/// Only where dx is cut does the input have to give each rank a column.
Sharding cut_inputs(const ProcessGroup& group, const Options& options, InputGradient gradient) {
  const bool cut = gradient == InputGradient::own_columns;
  return {options.in, cut ? group.size() : 1, cut ? options.shards : 0,
          "the inputs of " + options.name};
}

Parameter own_columns(const ProcessGroup& group, const Options& options, Index rows) {
  const Sharding cut = cut_outputs(group, options);
  return {.owned_rows = {0, rows},
          .owned_cols = cut.range(group.rank()),
          .axis = WeightShards::Axis::outputs,
          .shards = options.shards > 0 ? cut.shards_of(group.rank()) : std::vector<Range>{}};
}

Parameter own_bias(const ProcessGroup& group, const Options& options) {
  Parameter bias = own_columns(group, options, 1);
  bias.is_bias = true;
  if (!options.bias) bias.owned_cols = {};
  return bias;
}

}  // namespace

ColumnParallelLinear::ColumnParallelLinear(ProcessGroup& group, const Options& options,
                                           bool gather_output, InputGradient input_gradient)
    : LinearLayer(group, options, own_columns(group, options, options.in),
                  own_bias(group, options)),
      gather_output_(gather_output),
      input_gradient_(input_gradient),
      input_cut_(cut_inputs(group, options, input_gradient)),
      output_cut_(cut_outputs(group, options)) {}

ColumnParallelLinear::Forward ColumnParallelLinear::begin_forward(Tensor x,
                                                                  const ForwardContext& context,
                                                                  bool overlap) const {
  const AccountScope charge = group_->charge(account_, Phase::forward);
  const Range own = output_cut_.range(group_->rank());
  Tensor y = gather_output_ ? Tensor(x.rows(), output_cut_.total(), group_->common_memory())
                            : Tensor(x.rows(), own.size(), memory());
  const MatrixView y_local = gather_output_ ? y.columns(own) : MatrixView(y);

  const bool fused = fuses(context);
  Tensor derivative = compute(x, context, fused, y_local);  // Y[:, r]
  const bool under_way = gather_output_ && overlap;
  if (under_way)
    GatherColumns::start_forward(*group_, output_cut_, y);  // Y = all-gather
  else if (gather_output_)
    GatherColumns::forward(*group_, output_cut_, y);
  return {std::move(x), std::move(derivative), std::move(y), context, under_way, fused};
}

ColumnParallelLinear::Output ColumnParallelLinear::finish_forward(Forward begun) const {
  if (begun.under_way) group_->finish_first();
  if (options_.recompute) begun.z = Tensor();
  return {std::move(begun.y), {std::move(begun.x), std::move(begun.z), begun.context, begun.fused}};
}

// Y[:, r] = s(X W_r + b_r); returns the derivative, or nothing if it is 1, or what the fused op
// leaves in its place.
Tensor ColumnParallelLinear::compute(ConstMatrixView x, const ForwardContext& context, bool fused,
                                     MatrixView y_local) const {
  const Range own = output_cut_.range(group_->rank());
  if (derivative_is_one()) {
    forward_product(x, y_local);
    add_bias(own.begin, y_local);
    return {};
  }
  Tensor z(x.rows, weight_.value.cols(), memory());
  if (fused) {
    forward_activated(x, z, y_local);
    return z;
  }
  forward_product(x, z);                     // Z_r = X W_r
  activate(context, own.begin, z, y_local);  // s(Z_r + b_r)
  return z;
}

ColumnParallelLinear::Backward ColumnParallelLinear::begin_backward(Cache cache, Tensor dy,
                                                                    bool overlap) {
  const AccountScope charge = group_->charge(account_, Phase::backward);
  if (options_.recompute && !derivative_is_one()) {
    Tensor y_local(cache.x.rows(), weight_.value.cols(), memory());
    cache.fused = fuses(cache.context);
    cache.derivative = compute(cache.x, cache.context, cache.fused, y_local);
  }
  Backward begun;
  // dZ_r = dY[:, r] * s', db_r += 1^T dZ_r
  begun.dz = backward_activation(std::move(cache.derivative), cache.fused, std::move(dy),
                                 output_cut_.range(group_->rank()).begin);
  begun.x = std::move(cache.x);  // for dW_r += X^T dZ_r
  if (input_gradient_ != InputGradient::none) {
    begun.partial_dx = Tensor(begun.x.rows(), begun.x.cols(), group_->visible_memory());
    backward_input(begun.dz, begun.partial_dx);  // partial dX = dZ_r W_r^T
    sum_input_gradient(begun, overlap);
  }
  return begun;
}

// dX, its own columns or all, of the ranks' partial sums.
void ColumnParallelLinear::sum_input_gradient(Backward& begun, bool overlap) const {
  begun.under_way = overlap;
  if (input_gradient_ == InputGradient::complete) {
    begun.dx = std::move(begun.partial_dx);
    if (overlap)
      CopyToRanks::start_backward(*group_, begun.dx);
    else
      CopyToRanks::backward(*group_, begun.dx, sum_order());
  } else if (overlap) {
    begun.dx = GatherColumns::start_backward(*group_, input_cut_, begun.partial_dx);
  } else {
    begun.dx = GatherColumns::backward(*group_, input_cut_, begun.partial_dx, sum_order());
    begun.partial_dx = Tensor();
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
