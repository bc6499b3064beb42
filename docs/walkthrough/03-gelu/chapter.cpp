// GELU in its two forms, their derivatives, and central differences that tell whether a derivative
// belongs to its function.

#include <algorithm>

#include "colonnade/ops.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr double step = 6e-6;  // near the cube root of a double's precision

// s(z) and s'(z) as the library computes them, for one z.
struct Point {
  double value;
  double derivative;
};
Point at(Activation activation, double z) {
  Tensor in_place = matrix({{z}}), y(1, 1);
  activation_forward(activation, {}, in_place, y);
  return {y(0, 0), in_place(0, 0)};  // z has become s'(z)
}

// The slope of s around z, found without knowing its derivative.
double central_difference_at(Activation activation, double z) {
  const double above = at(activation, z + step).value, below = at(activation, z - step).value;
  return (above - below) / (2 * step);
}

// How far the derivative of one activation is from the slope of another, over [-6, 6].
double farthest(Activation function, Activation derivative) {
  double largest = 0;
  for (double z = -6; z <= 6; z += 0.125) {
    const double slope = central_difference_at(function, z);
    largest = std::max(largest, std::abs(at(derivative, z).derivative - slope));
  }
  return largest;
}

// The mistake of taking s' where only y is left: at s(z) in the place of z.
double farthest_at_output(Activation activation) {
  double largest = 0;
  for (double z = -6; z <= 6; z += 0.125) {
    const double y = at(activation, z).value;
    const double slope = central_difference_at(activation, z);
    largest = std::max(largest, std::abs(at(activation, y).derivative - slope));
  }
  return largest;
}

}  // namespace

int main() {
  constexpr Activation function = Activation::gelu_tanh;
  constexpr Activation derivative = Activation::gelu_tanh;

  std::printf("     z    s(z)   s'(z)   slope\n");
  for (const double z : {-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0}) {
    std::printf("%6.1f %7.4f %7.4f %7.4f\n", z, at(function, z).value, at(derivative, z).derivative,
                central_difference_at(function, z));
  }
  std::printf("\n");

  const bool belongs = check("the derivative is the slope, to below 1e-8 everywhere",
                             farthest(function, derivative) < 1e-8);
  std::printf("\nmistakes, by their largest difference from the slope:\n");
  std::printf("the other GELU's derivative   %.4f\n",
              farthest(Activation::gelu_erf, Activation::gelu_tanh));
  std::printf("the derivative at the output  %.4f\n", farthest_at_output(function));
  return belongs ? 0 : 1;
}
