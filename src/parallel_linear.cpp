#include "colonnade/parallel_linear.hpp"

#include <cmath>
#include <utility>

#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

ColumnParallelLinear::ColumnParallelLinear(ProcessGroup& group, const Options& options)
    : group_(&group),
      activation_(options.activation),
      input_gradient_(options.input_gradient),
      // Only a layer with a dx needs its input cut; the first may have fewer inputs than ranks.
      input_cut_(options.in, options.input_gradient ? group.size() : 1,
                 "the inputs of " + options.name),
      output_cut_(options.out, group.size(), "the outputs of " + options.name),
      weight_(make_parameter(options.name + ".weight", options.in, options.out,
                             output_cut_.range(group.rank()), false)),
      bias_(make_parameter(options.name + ".bias", 1, options.bias ? options.out : 0,
                           options.bias ? output_cut_.range(group.rank()) : Range{}, true)) {
  // The global fan-in: with the local width in its place every rank count would be another model.
  fill_normal(weight_, options.seed, 1 / std::sqrt(static_cast<double>(options.in)));
}

ColumnParallelLinear::Output ColumnParallelLinear::forward(Tensor x) const {
  Tensor z(x.rows(), weight_.value.cols(), group_->memory());
  Tensor y(x.rows(), output_cut_.total(), group_->memory());
  const MatrixView y_local = y.columns(output_cut_.range(group_->rank()));

  linear_forward(x, weight_.value, z);                       // Z_r = X W_r
  activation_forward(activation_, bias_.value, z, y_local);  // Y[:, r] = s(Z_r + b_r)
  GatherColumns::forward(*group_, output_cut_, y);           // Y = all-gather
  return {std::move(y), {std::move(x), std::move(z)}};
}

Tensor ColumnParallelLinear::backward(Cache cache, Tensor dy_local) {
  Tensor dz = std::move(cache.derivative);
  activation_backward(activation_, dy_local, dz, bias_.grad);  // dZ_r = dY[:, r] * s', db_r
  dy_local = Tensor();                                         // its memory serves dx

  Tensor dx_local;
  if (input_gradient_) {
    Tensor dx(cache.x.rows(), cache.x.cols(), group_->memory());
    linear_backward_input(dz, weight_.value, dx);                 // partial dX = dZ_r W_r^T
    dx_local = GatherColumns::backward(*group_, input_cut_, dx);  // summed, own columns
  }
  linear_backward_weight(cache.x, dz, weight_.grad);  // dW_r += X^T dZ_r
  return dx_local;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
