// Sums whose order depends on nothing but the number of terms. Eigen's own begin at an aligned
// address, so that their bits tell where the numbers lay.
#pragma once

#include <array>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Term i goes to lane i mod 16, one after the other; then the lanes are added in halves. The
/// compiler keeps the lanes in vector registers.
template <class Sum, class Term>
Sum sum_in_lanes(Index count, Term&& term) {
  constexpr Index lanes = 16;
  std::array<Sum, lanes> sums{};
  Index begin = 0;
  for (; begin + lanes <= count; begin += lanes) {
    for (Index lane = 0; lane < lanes; ++lane) {
      sums[static_cast<std::size_t>(lane)] += static_cast<Sum>(term(begin + lane));
    }
  }
  for (Index i = begin; i < count; ++i) {
    sums[static_cast<std::size_t>(i - begin)] += static_cast<Sum>(term(i));
  }
  for (std::size_t half = lanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

}  // namespace colonnade::inline COLONNADE_PRECISION
