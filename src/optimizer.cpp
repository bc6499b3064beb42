#include "colonnade/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "colonnade/ops.hpp"

namespace colonnade {

std::string_view to_string(ScheduleKind kind) {
  return kind == ScheduleKind::constant ? "constant" : "cosine";
}

ScheduleKind schedule_from(std::string_view name) {
  if (name == "constant") return ScheduleKind::constant;
  if (name == "cosine") return ScheduleKind::cosine;
  throw Error("unknown schedule",
              {.wanted = "constant or cosine", .found = "'" + std::string(name) + "'"});
}

double Schedule::factor(std::int64_t step) const {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (kind == ScheduleKind::constant) return 1;
  const double length = static_cast<double>(std::max<std::int64_t>(steps - warmup, 1));
  const double done = std::min(1.0, static_cast<double>(step - warmup) / length);
  return 0.5 * (1 + std::cos(std::numbers::pi * done));
}

inline namespace COLONNADE_PRECISION {

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

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
