#include "colonnade/optimizer.hpp"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "colonnade/ops.hpp"
#include "observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Some of a tensor's elements as one column.
MatrixView elements(Tensor& tensor, Range run) {
  return {tensor.data() + run.begin, run.size(), 1};
}

/// Of the own elements. All of the gradient becomes zero, if it is to: those of other ranks' runs,
/// which hold this rank's part of a sum, by themselves.
void update(std::span<const AdamWCoefficients> c, AdamW::Moments& moments,
            UsedGradients gradients) {
  Tensor& grad = moments.parameter->grad;
  const Range own = moments.own;
  const MatrixView own_grad = elements(grad, own), value = elements(moments.parameter->value, own);
  if (gradients == UsedGradients::keep) {
    adamw_update(c, own_grad, value, moments.first, moments.second);
    return;
  }
  adamw_update_and_zero(c, own_grad, value, moments.first, moments.second);
  set_zero(elements(grad, {0, own.begin}));
  set_zero(elements(grad, {own.end, grad.size()}));
  moments.parameter->grad_is_zero = true;
}

/// `layers.0`
std::string_view layer_of(const Parameter& parameter) {
  return std::string_view(parameter.name).substr(0, parameter.name.rfind('.'));
}

/// Before the update, which may zero it.
void tell_gradient(Observer& observer, AdamW::Moments& moments) {
  const Parameter& parameter = *moments.parameter;
  const ConstMatrixView own = elements(moments.parameter->grad, moments.own);
  const ObservedMatrix seen =
      observed_block(parameter.is_bias ? "db" : "dW", parameter, own, moments.own.begin);
  observer.computed(layer_of(parameter), Phase::none, parameter.is_bias ? "g = db" : "g = dW",
                    {&seen, 1});
}

void tell_update(Observer& observer, AdamW::Moments& moments) {
  const Parameter& parameter = *moments.parameter;
  const auto seen = [&](std::string_view name, ConstMatrixView run) {
    return result(observed_block(name, parameter, run, moments.own.begin));
  };
  const bool is_bias = parameter.is_bias;
  const std::array matrices = {
      seen(is_bias ? "m(b)" : "m(W)", moments.first),
      seen(is_bias ? "v(b)" : "v(W)", moments.second),
      seen(is_bias ? "b′" : "W′", elements(moments.parameter->value, moments.own)),
  };
  observer.computed(layer_of(parameter), Phase::none,
                    is_bias ? "b′ = AdamW(b, m, v)" : "W′ = AdamW(W, m, v)", matrices);
}

}  // namespace

std::vector<Range> element_runs(const Parameter& parameter, int ranks) {
  std::vector<Range> runs;
  for (int rank = 0; rank < ranks; ++rank) {
    runs.push_back(shard_range(parameter.value.size(), ranks, rank));
  }
  return runs;
}

AdamW::AdamW(std::span<Parameter* const> parameters, const AdamWOptions& options,
             ProcessGroup* moments_over)
    : options_(options), moments_over_(moments_over), coefficients_(2) {
  const int ranks = moments_over == nullptr ? 1 : moments_over->size();
  const int rank = moments_over == nullptr ? 0 : moments_over->rank();
  if (moments_over != nullptr) account_ = moments_over->account("update");
  for (Parameter* parameter : parameters) {
    std::vector<Range> runs = element_runs(*parameter, ranks);
    const Range own = runs[static_cast<std::size_t>(rank)];
    moments_.push_back({parameter, std::move(runs), own, Tensor::zeros(own.size(), 1),
                        Tensor::zeros(own.size(), 1)});
  }
}

AdamWCoefficients AdamW::coefficients(double factor, double gradient_scale) const {
  const double update = static_cast<double>(updates_ + 1);
  return {.learning_rate = options_.learning_rate * factor,
          .beta1 = options_.beta1,
          .beta2 = options_.beta2,
          .eps = options_.eps,
          .weight_decay = options_.weight_decay,
          .correction1 = 1 - std::pow(options_.beta1, update),
          .correction2 = 1 - std::pow(options_.beta2, update),
          .gradient_scale = gradient_scale};
}

void AdamW::set_coefficients(const AdamWCoefficients& of_weights) {
  std::array<AdamWCoefficients, 2> both = {of_weights, of_weights};
  if (!options_.decay_bias) both[1].weight_decay = 0;
  coefficients_.set(both);
}

void AdamW::step(double factor, double gradient_scale, UsedGradients gradients,
                 Observer* observer) {
  set_coefficients(coefficients(factor, gradient_scale));
  finish_step(gradients, observer);
}

std::span<AdamWCoefficients> AdamW::begin_step(double factor) {
  set_coefficients(coefficients(factor, 1));
  return coefficients_.span();
}

void AdamW::finish_step(UsedGradients gradients, Observer* observer) {
  ++updates_;
  for (Moments& moments : moments_) {
    Parameter& parameter = *moments.parameter;
    const auto c = coefficients_.span().subspan(parameter.is_bias ? 1 : 0, 1);
    if (observer != nullptr) tell_gradient(*observer, moments);
    update(c, moments, gradients);
    if (observer != nullptr) tell_update(*observer, moments);
    if (moments_over_ == nullptr) continue;
    const AccountScope charge = moments_over_->charge(account_);
    Tensor& value = parameter.value;
    moments_over_->all_gather(std::span(value.data(), static_cast<std::size_t>(value.size())),
                              std::span<const Range>(moments.pieces));
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
