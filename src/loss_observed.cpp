#include "loss_observed.hpp"

#include <initializer_list>

#include "observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void tell(Observer& observer, Phase phase, std::string_view equation,
          std::initializer_list<ObservedMatrix> matrices) {
  observer.computed("loss", phase, equation, matrices);
}

/// Over the samples at hand.
ObservedMatrix loss_sum(const double& sum) {
  ObservedMatrix seen = result(observed_numbers("L", {&sum, 1}));
  seen.kind = ObservedMatrix::Rows::summed;
  return seen;
}

}  // namespace

void tell_squared_error(const ProcessGroup& group, const OutputColumns& columns, ConstMatrixView y,
                        ConstMatrixView t, const double& sum) {
  if (group.observer() == nullptr) return;
  tell(*group.observer(), Phase::forward, "L = Σ (Y − T)²",
       {observed_columns("Y", y, 0, columns.total), observed_columns("T", t, 0, columns.total),
        loss_sum(sum)});
}

void tell_squared_error_gradient(const ProcessGroup& group, const OutputColumns& columns,
                                 ConstMatrixView y, ConstMatrixView t, ConstMatrixView dy) {
  if (group.observer() == nullptr) return;
  tell(*group.observer(), Phase::backward, "dY = 2 (Y − T) / (B V)",
       {observed_columns("Y", y, 0, columns.total), observed_columns("T", t, 0, columns.total),
        result(observed_columns("dY", dy, columns.dy.begin, columns.total))});
}

void tell_largest(const ProcessGroup& group, const OutputColumns& columns, ConstMatrixView y,
                  std::span<const double> largest) {
  if (group.observer() == nullptr) return;
  tell(*group.observer(), Phase::forward, "m = max Y",
       {observed_columns("Y", y, columns.y.begin, columns.total),
        result(observed_of_samples("m", largest, y.rows), Partial::max)});
}

void tell_exp_sums(const ProcessGroup& group, const OutputColumns& columns,
                   std::span<const double> largest, ConstMatrixView t, ConstMatrixView e,
                   std::span<const double> sums) {
  if (group.observer() == nullptr) return;
  tell(*group.observer(), Phase::forward, "E = exp(Y − m),  S = [Σ E, Σ T ∘ (Y − m), Σ (Y − m)]",
       {observed_of_samples("m", largest, e.rows), observed_columns("T", t, 0, columns.total),
        result(observed_columns("E", e, columns.y.begin, columns.total)),
        result(observed_of_samples("S", sums, e.rows), Partial::sum)});
}

void tell_cross_entropy(const ProcessGroup& group, bool smooths, Index rows,
                        std::span<const double> sums, const double& loss) {
  if (group.observer() == nullptr) return;
  tell(*group.observer(), Phase::forward,
       smooths ? "L = Σ (log S₁ − (1 − ε) S₂ − ε / V S₃)" : "L = Σ (log S₁ − S₂)",
       {observed_of_samples("S", sums, rows), loss_sum(loss)});
}

void tell_cross_entropy_gradient(const ProcessGroup& group, const OutputColumns& columns,
                                 bool smooths, ConstMatrixView e, std::span<const double> exp_sums,
                                 ConstMatrixView t, ConstMatrixView dy) {
  if (group.observer() == nullptr) return;
  tell(*group.observer(), Phase::backward,
       smooths ? "dY = (E / S₁ − (1 − ε) T − ε / V) / B" : "dY = (E / S₁ − T) / B",
       {observed_columns("E", e, columns.y.begin, columns.total),
        observed_of_samples("S₁", exp_sums, dy.rows), observed_columns("T", t, 0, columns.total),
        result(observed_columns("dY", dy, columns.dy.begin, columns.total))});
}

}  // namespace colonnade::inline COLONNADE_PRECISION
