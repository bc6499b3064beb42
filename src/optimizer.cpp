#include "colonnade/optimizer.hpp"

#include <cmath>

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

AdamW::AdamW(std::span<Parameter* const> parameters, const AdamWOptions& options)
    : options_(options) {
  for (Parameter* parameter : parameters) {
    const Tensor& value = parameter->value;
    moments_.push_back({parameter, Tensor::zeros(value.rows(), value.cols()),
                        Tensor::zeros(value.rows(), value.cols())});
  }
}

void AdamW::step(double factor) {
  ++steps_;
  AdamWCoefficients c = {
      .learning_rate = options_.learning_rate * factor,
      .beta1 = options_.beta1,
      .beta2 = options_.beta2,
      .eps = options_.eps,
      .weight_decay = 0,
      .correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_)),
      .correction2 = 1 - std::pow(options_.beta2, static_cast<double>(steps_)),
  };
  for (auto& [parameter, first, second] : moments_) {
    const bool decays = !parameter->is_bias || options_.decay_bias;
    c.weight_decay = decays ? options_.weight_decay : 0;
    adamw_update(c, parameter->grad, parameter->value, first, second);
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
