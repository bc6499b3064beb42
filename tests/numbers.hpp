// Matrices for tests, and how far two of them are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "colonnade/gradient_check.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/tensor.hpp"

namespace harness {

inline constexpr bool is_double = sizeof(colonnade::Scalar) == 8;

/// Rounding of one operation of the build.
inline constexpr double epsilon = std::numeric_limits<colonnade::Scalar>::epsilon();

/// Values that differ by the order of a few hundred additions, relative to the largest of them.
inline constexpr double rounding = 256 * epsilon;

/// A matrix of normal numbers, another one for each name.
inline colonnade::Tensor random_matrix(colonnade::Index rows, colonnade::Index cols,
                                       std::string_view name) {
  return colonnade::sample_data(rows, cols, 20261122, name);
}

/// Sum of the products of corresponding elements.
inline double dot(colonnade::ConstMatrixView a, colonnade::ConstMatrixView b) {
  double sum = 0;
  for (colonnade::Index i = 0; i < a.size(); ++i) sum += double{a.data[i]} * double{b.data[i]};
  return sum;
}

/// Largest difference over the largest wanted element; NaN if any number is.
inline double distance(colonnade::ConstMatrixView got, colonnade::ConstMatrixView want) {
  return colonnade::gradient_error(got, want).relative;
}

}  // namespace harness

/// Holds a gradient to the wanted one; a failure says where they are farthest apart.
#define CHECK_GRADIENT(got, want)                                        \
  do {                                                                   \
    const auto gradient_error_ = colonnade::gradient_error(got, want);   \
    CHECK_MESSAGE(gradient_error_.within(colonnade::gradient_tolerance), \
                  #got << ": " << gradient_error_.text());               \
  } while (false)
