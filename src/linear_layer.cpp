#include "colonnade/linear_layer.hpp"

#include <cmath>
#include <utility>

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

Parameter with_shape(Parameter part, std::string name, Index rows, Index cols) {
  part.name = std::move(name);
  part.rows = rows;
  part.cols = cols;
  return make_parameter(std::move(part));
}

}  // namespace

LinearLayer::LinearLayer(ProcessGroup& group, const Options& options, Parameter weight,
                         Parameter bias)
    : group_(&group),
      account_(group.account(options.name)),
      options_(options),
      weight_(with_shape(std::move(weight), options.name + ".weight", options.in, options.out)),
      bias_(with_shape(std::move(bias), options.name + ".bias", 1, options.bias ? options.out : 0)),
      dropout_(options.seed, options.name + ".dropout") {
  // The global fan-in: with the local width in its place every rank count would be another model.
  fill_normal(weight_, options.seed, 1 / std::sqrt(static_cast<double>(options.in)));
}

void LinearLayer::forward_product(ConstMatrixView x, MatrixView z) const {
  const Span span = group_->span(Activity::product);
  linear_forward(x, weight_.value, z, weight_.weight_shards());
}

void LinearLayer::backward_input(ConstMatrixView dz, MatrixView dx) const {
  const Span span = group_->next_span(Activity::input_gradient);
  linear_backward_input(dz, weight_.value, dx, weight_.weight_shards());
}

void LinearLayer::backward_weight(ConstMatrixView x, ConstMatrixView dz) {
  const Span span = group_->next_span(Activity::weight_gradient);
  linear_backward_weight(x, dz, weight_.grad, weight_.weight_shards());
}

void LinearLayer::add_bias(MatrixView z) const {
  const Span span = group_->next_span(Activity::activation);
  bias_forward(bias_.value, z);
}

void LinearLayer::activate(const ForwardContext& context, Index first_col, MatrixView z,
                           MatrixView y) const {
  const Span span = group_->next_span(Activity::activation);
  activation_forward(options_.activation, bias_.value, z, y);
  if (options_.dropout == 0 || !context.training) return;
  dropout_forward({.random = dropout_.at(context.step),
                   .rate = options_.dropout,
                   .first_row = context.first_row,
                   .first_col = first_col},
                  y, z);
}

Tensor LinearLayer::backward_activation(Tensor derivative, Tensor dy) {
  const Span span = group_->span(Activity::activation);
  if (derivative_is_one()) {
    bias_backward(dy, bias_.grad);
    return dy;
  }
  activation_backward(dy, derivative, bias_.grad);
  return derivative;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
