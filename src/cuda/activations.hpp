// s(z) and s'(z) of one number, as the CPU's ops compute them, step by step.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <numbers>

#include "colonnade/activation.hpp"
#include "colonnade/scalar.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

struct Activated {
  Scalar value;
  Scalar derivative;
};

__device__ inline Activated gelu_tanh(Scalar z) {
  constexpr Scalar sqrt_2_over_pi = static_cast<Scalar>(0.79788456080286535588);
  constexpr Scalar cubic = static_cast<Scalar>(0.044715);
  // Beyond 20 the tanh is 1 to the last bit of a double; the square of a large z would overflow.
  const Scalar c = z < -20 ? Scalar{-20} : z > 20 ? Scalar{20} : z;
  const Scalar t = std::tanh(sqrt_2_over_pi * c * (1 + cubic * (c * c)));
  return {Scalar{0.5} * z * (1 + t), Scalar{0.5} * (1 + t) + Scalar{0.5} * c * (1 - t * t) *
                                                                 sqrt_2_over_pi *
                                                                 (1 + 3 * cubic * (c * c))};
}

__device__ inline Activated gelu_erf(Scalar z) {
  constexpr Scalar sqrt_half = static_cast<Scalar>(1 / std::numbers::sqrt2);
  constexpr Scalar density_at_0 =
      static_cast<Scalar>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  const Scalar distribution = Scalar{0.5} * (1 + std::erf(z * sqrt_half));
  return {z * distribution, distribution + z * density_at_0 * std::exp(Scalar{-0.5} * (z * z))};
}

__device__ inline Activated activated(Activation activation, Scalar z) {
  switch (activation) {
    case Activation::identity:
      return {z, 1};
    case Activation::relu:  // NaN stays what it is
      return {z <= 0 ? Scalar{0} : z, z > 0 ? Scalar{1} : Scalar{0}};
    case Activation::gelu_tanh:
      return gelu_tanh(z);
    case Activation::gelu_erf:
      return gelu_erf(z);
  }
  return {};
}

}  // namespace colonnade::inline COLONNADE_PRECISION
