// One product of two blocks on one thread, with the same bits wherever the blocks lie.
#pragma once

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// A block of a larger matrix, whose columns are `stride` apart, or the transpose of that block.
struct Block {
  const Scalar* data;
  Index stride;
  Index rows;  // as it lies in memory, before the transposition
  Index cols;
  bool transposed = false;
};

inline Block block(ConstMatrixView matrix, Range rows, Range cols) {
  return {matrix.data + cols.begin * matrix.rows + rows.begin, matrix.rows, rows.size(),
          cols.size()};
}

inline Block transposed(Block block) {
  block.transposed = !block.transposed;
  return block;
}

/// c = a b. `c` must lie at a 64-byte boundary. Which code multiplies, and in what order it adds,
/// is decided by the shapes alone. Call it where BLAS and Eigen see one thread.
void block_product(const Block& a, const Block& b, MatrixView c);

}  // namespace colonnade::inline COLONNADE_PRECISION
