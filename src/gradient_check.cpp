#include "colonnade/gradient_check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

namespace colonnade::inline COLONNADE_PRECISION {

double difference_step(Scalar value, double scale) {
  const double step = scale *
                      std::cbrt(static_cast<double>(std::numeric_limits<Scalar>::epsilon())) *
                      std::max(1.0, std::abs(static_cast<double>(value)));
  const volatile Scalar shifted = static_cast<Scalar>(value + step);
  return static_cast<double>(shifted) - static_cast<double>(value);
}

double central_difference(Scalar* element, bool owner, const std::function<double()>& loss,
                          double step_scale) {
  const Scalar value = owner ? read_number(element) : Scalar{0};
  const double step = difference_step(value, step_scale);
  if (owner) write_number(static_cast<Scalar>(value + step), element);
  const double above = loss();
  if (owner) write_number(static_cast<Scalar>(value - step), element);
  const double below = loss();
  if (owner) write_number(value, element);
  return (above - below) / (2 * step);
}

std::string GradientError::text() const {
  char line[160];
  std::snprintf(line, sizeof line, "relative error %.3g at [%td, %td]: wanted %.9g, found %.9g",
                relative, row, col, want, got);
  return line;
}

GradientError gradient_error(ConstMatrixView got_numbers, ConstMatrixView want_numbers,
                             double scale) {
  check_shape(got_numbers, want_numbers.rows, want_numbers.cols, "gradient, as the wanted one");
  const OnHost got_on_host(got_numbers), want_on_host(want_numbers);
  const ConstMatrixView got = got_on_host, want = want_on_host;
  GradientError worst;
  double worst_difference = -1;
  for (Index i = 0; i < want.size(); ++i) {
    const double difference = std::abs(double{got.data[i]} - double{want.data[i]});
    scale = std::max(scale, std::abs(double{want.data[i]}));
    // Written so that the first NaN is taken and kept.
    if (!std::isnan(worst_difference) && !(difference <= worst_difference)) {
      worst_difference = difference;
      worst = {0, i % want.rows, i / want.rows, double{got.data[i]}, double{want.data[i]}};
    }
  }
  if (want.size() == 0 || worst_difference == 0) return worst;
  worst.relative = scale > 0                      ? worst_difference / scale
                   : std::isnan(worst_difference) ? worst_difference
                                                  : std::numeric_limits<double>::infinity();
  return worst;
}

double largest_error(ProcessGroup& group, double error) {
  double largest = 0;
  for (const double other : group.all_gather(error)) {
    if (std::isnan(other)) return other;
    largest = std::max(largest, other);
  }
  return largest;
}

Tensor numerical_gradient(MatrixView x, const std::function<double()>& loss) {
  Tensor gradient(x.rows, x.cols);
  for (Index i = 0; i < x.size(); ++i) {
    write_number(static_cast<Scalar>(central_difference(x.data + i, true, loss)),
                 gradient.data() + i);
  }
  return gradient;
}

Tensor numerical_gradient(ProcessGroup& group, MatrixView x, const std::function<double()>& loss) {
  Tensor gradient(x.rows, x.cols);
  const std::vector<std::int64_t> sizes = group.all_gather(std::int64_t{x.size()});
  for (int turn = 0; turn < group.size(); ++turn) {
    const bool owner = turn == group.rank();
    for (Index i = 0; i < sizes[static_cast<std::size_t>(turn)]; ++i) {
      const double difference = central_difference(owner ? x.data + i : nullptr, owner, loss);
      if (owner) write_number(static_cast<Scalar>(difference), gradient.data() + i);
    }
  }
  return gradient;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
