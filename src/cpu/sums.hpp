// Sums whose order depends on nothing but the number of terms. Eigen's own begin at an aligned
// address, so that their bits tell where the numbers lay.
#pragma once

#include <array>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Halves added to one another until one number is left. Spelled out for each size, so that the
/// lanes stay in registers: as one loop it goes through memory, where each pass waits for the last.
template <class Sum, std::size_t lanes>
Sum add_halves(const std::array<Sum, lanes>& sums) {
  if constexpr (lanes == 1) {
    return sums[0];
  } else {
    std::array<Sum, lanes / 2> halves;
    for (std::size_t i = 0; i < lanes / 2; ++i) halves[i] = sums[i] + sums[i + lanes / 2];
    return add_halves(halves);
  }
}

/// Term i goes to lane i mod 16, one after the other; then the lanes are added in halves, and to
/// that, one after the other, the terms that don't fill all lanes. The compiler keeps the lanes in
/// vector registers.
template <class Sum, class Term>
Sum sum_in_lanes(Index count, Term&& term) {
  constexpr Index lanes = 16;
  const Index whole = count / lanes * lanes;
  Sum sum = 0;
  if (whole > 0) {
    std::array<Sum, lanes> sums{};
    for (Index begin = 0; begin < whole; begin += lanes) {
      for (Index lane = 0; lane < lanes; ++lane) {
        sums[static_cast<std::size_t>(lane)] += static_cast<Sum>(term(begin + lane));
      }
    }
    sum = add_halves(sums);
  }
  for (Index i = whole; i < count; ++i) sum += static_cast<Sum>(term(i));
  return sum;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
