#include <algorithm>
#include <cmath>

#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void add_along_tree(std::span<const double> numbers, std::span<double> sum) {
  sum[0] = tree_sum(numbers);
}

void judge_loss(const StepBounds& bounds, std::span<const double> totals, std::span<double> tail) {
  tail[0] = totals[1];
  tail[1] = std::isfinite(totals[0] / bounds.loss_divisor) ? 0 : 1;
}

void judge_step(const StepBounds& bounds, std::span<const double> totals,
                std::span<const double> squares, std::span<AdamWCoefficients> coefficients,
                std::span<double> updates) {
  bool good = std::isfinite(totals[0] / bounds.loss_divisor);
  double scale = 1;
  if (bounds.largest_square > 0) {
    const std::size_t tensors = squares.size() - 2;
    double sum = 0;
    for (std::size_t i = 0; i < tensors; ++i) sum += squares[i];
    const double norm = std::sqrt(sum);
    if (bounds.clip > 0) scale = std::min(1.0, bounds.clip / (norm + 1e-6));
    good = squares[tensors + 1] == 0 && scale * scale * norm * norm <= bounds.largest_square;
  }
  for (AdamWCoefficients& c : coefficients) {
    c.gradient_scale = scale;
    c.updates = good ? 1 : 0;
  }
  updates[0] = good ? 1 : 0;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
