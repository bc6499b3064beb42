// Matrix products by cuBLASLt, which numbers matrices as we do, column by column. What it needs to
// know of a product is worked out once for each kind of product that a thread computes.
#pragma once

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// A matrix of a product, or with `transposed` its transpose. Its columns begin `stride` elements
/// apart.
struct Factor {
  const Scalar* data;
  Index rows;
  Index cols;
  Index stride;
  bool transposed = false;
};
inline Factor factor(ConstMatrixView matrix) {
  return {matrix.data, matrix.rows, matrix.cols, matrix.rows};
}
inline Factor transposed(ConstMatrixView matrix) {
  return {matrix.data, matrix.cols, matrix.rows, matrix.rows, true};
}

enum class Store { assign, add };

/// out = a b, or out += a b. The shapes fit; any size may be 0.
void multiply(const Factor& a, const Factor& b, Store store, MatrixView out);

}  // namespace colonnade::inline COLONNADE_PRECISION
