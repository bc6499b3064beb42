// What a backend multiplies by. The linear ops (linear.cpp) are made of these two products, and
// know no library; a backend knows nothing of layers and their shards.
#pragma once

#include <span>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// A matrix [rows, cols] of a product, or with `transposed` the transpose of one that lies in
/// memory, whose columns begin `stride` elements apart.
struct Factor {
  const Scalar* data;
  Index rows;
  Index cols;
  Index stride;
  bool transposed = false;

  /// Elements from one row to the next, and from one column to the next.
  Index row_step() const { return transposed ? stride : 1; }
  Index col_step() const { return transposed ? 1 : stride; }
  Factor columns(Range range) const {
    return {data + range.begin * col_step(), rows, range.size(), stride, transposed};
  }
};
inline Factor factor(ConstMatrixView matrix) {
  return {matrix.data, matrix.rows, matrix.cols, matrix.rows};
}
inline Factor transposed(ConstMatrixView matrix) {
  return {matrix.data, matrix.cols, matrix.rows, matrix.rows, true};
}

enum class Store { assign, add };

/// out = a b, or out += a b, as fast as can be: in whatever order a library adds. The shapes fit;
/// any size may be 0.
void multiply(const Factor& a, const Factor& b, Store store, MatrixView out);

/// The same with bits that depend on the rows of a and the columns of b alone. `leaves`, one at
/// least, cut the inner dimension: each leaf's product is one chain in order, they are added along
/// the tree of tree_sum.hpp, and `out` is added to when the product is complete. The shapes fit;
/// any size may be 0.
void multiply_exactly(const Factor& a, const Factor& b, std::span<const Range> leaves, Store store,
                      MatrixView out);

}  // namespace colonnade::inline COLONNADE_PRECISION
