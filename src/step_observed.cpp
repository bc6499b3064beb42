#include "step_observed.hpp"

#include <array>

#include "observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void tell_loss_part(const ProcessGroup& group, const double& sum) {
  Observer* const observer = group.observer();
  if (observer == nullptr) return;
  ObservedMatrix seen = result(observed_numbers("ΣL", {&sum, 1}));
  seen.kind = ObservedMatrix::Rows::summed;
  observer->computed("loss", Phase::gradients, "ΣL = sum of L", {&seen, 1});
}

void tell_loss(const ProcessGroup& group, double sum, double mean) {
  Observer* const observer = group.observer();
  if (observer == nullptr) return;
  const std::array seen = {observed_numbers("ΣL", {&sum, 1}),
                           result(observed_numbers("L", {&mean, 1}))};
  observer->computed("loss", Phase::none, "L = ΣL, as a mean", seen);
}

void tell_gradient_sums(const Mlp& model) {
  Observer* const observer = model.group().observer();
  if (observer == nullptr) return;
  for (const auto& layer : model.layers()) {
    const ObservedMatrix weight = observed_gradient("dW", layer->weight());
    observer->computed(layer->options().name, Phase::gradients, "dW = Σ dW of the row blocks",
                       {&weight, 1});
    if (!layer->has_bias()) continue;
    const ObservedMatrix bias = observed_gradient("db", layer->bias());
    observer->computed(layer->options().name, Phase::gradients, "db = Σ db of the row blocks",
                       {&bias, 1});
  }
}

void tell_squares(const ProcessGroup& group, std::span<const double> squares, bool in_runs) {
  Observer* const observer = group.observer();
  if (observer == nullptr) return;
  ObservedMatrix seen =
      result(observed_numbers("‖g‖²", squares.first(squares.size() - 2)), Partial::sum);
  seen.copies_differ = in_runs;
  observer->computed("norm", Phase::none, "‖g‖² = Σ g², of each tensor", {&seen, 1});
}

void tell_norm(const ProcessGroup& group, std::span<const double> squares, double norm) {
  Observer* const observer = group.observer();
  if (observer == nullptr) return;
  const std::array seen = {observed_numbers("‖g‖²", squares.first(squares.size() - 2)),
                           result(observed_numbers("‖g‖", {&norm, 1}))};
  observer->computed("norm", Phase::none, "‖g‖ = √Σ ‖g‖²", seen);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
