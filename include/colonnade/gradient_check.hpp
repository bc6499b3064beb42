// The judge of every backward pass: central differences of the loss itself. Meant for the double
// build; in float the differences drown in rounding.
//
// Step and tolerance. (L(x+h) - L(x-h)) / 2h errs by h^2/6 L''' from truncation and by about eps
// L/h from rounding. Both are smallest together near h = eps^(1/3), 6e-6 in double, where each is
// of the order eps^(2/3), 4e-11, times the size of L''' and L. Gradients here are 1e-4 to 1 of the
// loss's size, so a right backward comes out below 1e-6 relative to the largest element of its
// tensor. A wrong one is off by a factor or a term, and the closest miss known, the derivative of
// the other GELU, by a few 1e-4. gradient_tolerance sits between.
#pragma once

#include <functional>
#include <string>

#include "colonnade/parameter.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

inline constexpr double gradient_tolerance = 1e-6;

/// How far a gradient is from the wanted one, and where it is farthest.
struct GradientError {
  double relative = 0;  // largest |got - want| over the scale; NaN if any number is
  Index row = 0;
  Index col = 0;
  double got = 0;
  double want = 0;

  /// False for NaN.
  bool within(double tolerance) const { return relative <= tolerance; }
  /// `relative error 0.5 at [2, 7]: wanted 0.1, found 0.05`
  std::string text() const;
};

/// Compares two gradients of one shape. The error is relative to the largest |want|, or to `scale`
/// if that is larger: the largest of the whole tensor where only a part is compared. Where both are
/// zero, `got` must be too (else infinity).
GradientError gradient_error(ConstMatrixView got, ConstMatrixView want, double scale = 0);

/// The largest of the errors that the ranks found; NaN if any is, which a max alone would lose.
/// Collective.
double largest_error(ProcessGroup& group, double error);

/// The step of a central difference by an element of this value: cbrt(eps), scaled up for large
/// values, times `scale`, and such that value + step - value is the step exactly.
double difference_step(Scalar value, double scale = 1);

/// The central difference of L by one element, which this rank changes and puts back if `owner`.
/// Where `loss` is collective, all ranks call it together; what others than owners get means
/// nothing.
double central_difference(Scalar* element, bool owner, const std::function<double()>& loss,
                          double step_scale = 1);

/// dL/dx for each element of x, which is changed and put back. `loss` evaluates L at the present x.
Tensor numerical_gradient(MatrixView x, const std::function<double()>& loss);

/// dL/dx of every rank's x, which may differ in size, where `loss` is collective: the ranks take
/// turns, one changes an element and all evaluate. Returns the gradient of the own x.
Tensor numerical_gradient(ProcessGroup& group, MatrixView x, const std::function<double()>& loss);

}  // namespace colonnade::inline COLONNADE_PRECISION
