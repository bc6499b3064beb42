// Solutions of chapter 3; exits with 1 if one is wrong.

#include <algorithm>
#include <limits>

#include "common.hpp"

namespace {

// Exercise 1: SiLU, s(z) = z f(z) with f(z) = 1 / (1 + exp(-z)). Its derivative needs f' = f (1 -
// f).
double silu(double z) {
  return z / (1 + std::exp(-z));
}
double silu_derivative(double z) {
  const double f = 1 / (1 + std::exp(-z));
  return f + z * f * (1 - f);
}

double slope(double (*s)(double), double z, double step) {
  return (s(z + step) - s(z - step)) / (2 * step);
}

double farthest(double (*s)(double), double (*derivative)(double), double step) {
  double largest = 0;
  for (double z = -6; z <= 6; z += 0.125)
    largest = std::max(largest, std::abs(derivative(z) - slope(s, z, step)));
  return largest;
}

// Exercise 2: the step for which central differences are most exact, among the powers of ten from
// 1e-1 to 1e-12. Returns the exponent.
int best_power_of_ten() {
  int best = 0;
  double smallest = std::numeric_limits<double>::infinity();
  for (int power = -1; power >= -12; --power) {
    const double error = farthest(silu, silu_derivative, std::pow(10.0, power));
    if (error < smallest) {
      smallest = error;
      best = power;
    }
  }
  return best;
}

}  // namespace

int main() {
  const bool first =
      check("1: SiLU's derivative is its slope", farthest(silu, silu_derivative, 6e-6) < 1e-8);
  const int best = best_power_of_ten();
  const bool second = check("2: the best step is near 1e-5", best >= -6 && best <= -4);
  return first && second ? 0 : 1;
}
