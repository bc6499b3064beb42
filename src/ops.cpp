// Ops whose sums and coefficients are the program's, by those that leave them in device memory.
#include "colonnade/ops.hpp"

#include "colonnade/device_array.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// The number that `op` leaves in device memory.
template <class Op>
double number_of(const Op& op) {
  Numbers number(1);
  op(number.span());
  return number.on_host().front();
}

}  // namespace

double squared_error_forward(ConstMatrixView y, ConstMatrixView t) {
  return number_of([&](std::span<double> sum) { squared_error_forward(y, t, sum); });
}

double cross_entropy_loss(std::span<const double> sums, double smoothing, Index classes) {
  return number_of(
      [&](std::span<double> loss) { cross_entropy_loss(sums, smoothing, classes, loss); });
}

double sum_of_squares(ConstMatrixView matrix, const WeightShards& shards) {
  return number_of([&](std::span<double> sum) { sum_of_squares(matrix, shards, sum); });
}

void adamw_update(const AdamWCoefficients& c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment) {
  const DeviceArray<AdamWCoefficients> coefficients(std::span(&c, 1));
  adamw_update(coefficients.span(), gradient, value, first_moment, second_moment);
}

void adamw_update_and_zero(const AdamWCoefficients& c, MatrixView gradient, MatrixView value,
                           MatrixView first_moment, MatrixView second_moment) {
  const DeviceArray<AdamWCoefficients> coefficients(std::span(&c, 1));
  adamw_update_and_zero(coefficients.span(), gradient, value, first_moment, second_moment);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
