#include "cpu/block_product.hpp"

#include "cpu/eigen.hpp"
#include "cpu/sums.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

auto stored(const Block& block) {
  return Eigen::Map<const EigenMatrix, 0, Eigen::OuterStride<>>(block.data, block.rows, block.cols,
                                                                Eigen::OuterStride<>(block.stride));
}

Index cols_of(const Block& block) {
  return block.transposed ? block.rows : block.cols;
}

Scalar element(const Block& block, Index i, Index j) {
  return block.transposed ? block.data[i * block.stride + j] : block.data[j * block.stride + i];
}

/// Whether Eigen or the BLAS take their blocked product, which copies blocks of its operands before
/// it multiplies. Below, Eigen has other code, whose order of adding depends on addresses.
bool has_blocked_product(Index rows, Index inner, Index cols) {
  return rows > 1 && inner > 1 && cols > 1 &&
         rows + inner + cols >= EIGEN_GEMM_TO_COEFFBASED_THRESHOLD;
}

void blocked_product(const Block& a, const Block& b, MatrixView c) {
  if (!a.transposed && !b.transposed) {
    matrix(c).noalias() = stored(a) * stored(b);
  } else if (!a.transposed) {
    matrix(c).noalias() = stored(a) * stored(b).transpose();
  } else if (!b.transposed) {
    matrix(c).noalias() = stored(a).transpose() * stored(b);
  } else {
    matrix(c).noalias() = stored(a).transpose() * stored(b).transpose();
  }
}

/// Each element in an order of its own loop: one term after the other or, where that would leave
/// the vector registers empty, in lanes.
void plain_product(const Block& a, const Block& b, MatrixView c) {
  const Index inner = cols_of(a);
  if (c.rows == 1 && c.cols > 1) {
    // The same numbers in memory, with the long side where the loops below want it.
    plain_product(transposed(b), transposed(a), {c.data, c.cols, 1});
    return;
  }
  for (Index j = 0; j < c.cols; ++j) {
    Scalar* const column = c.data + j * c.rows;
    if (a.transposed) {
      for (Index i = 0; i < c.rows; ++i) {
        column[i] = sum_in_lanes<Scalar>(
            inner, [&](Index l) { return a.data[i * a.stride + l] * element(b, l, j); });
      }
      continue;
    }
    std::fill(column, column + c.rows, Scalar{0});
    for (Index l = 0; l < inner; ++l) {
      const Scalar* const a_column = a.data + l * a.stride;
      const Scalar factor = element(b, l, j);
      for (Index i = 0; i < c.rows; ++i) column[i] += a_column[i] * factor;
    }
  }
}

}  // namespace

void block_product(const Block& a, const Block& b, MatrixView c) {
  if (has_blocked_product(c.rows, cols_of(a), c.cols)) {
    blocked_product(a, b, c);
  } else {
    plain_product(a, b, c);
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
