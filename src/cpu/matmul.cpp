// Products by Eigen, on all threads. With EIGEN_USE_BLAS it hands them to the BLAS that the build
// found.
#include "matmul.hpp"

#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

using Strided = Eigen::Map<const EigenMatrix, Eigen::Unaligned, Eigen::OuterStride<>>;

template <class Left, class Right>
void store_product(const Left& a, const Right& b, Store store, MatrixView out) {
  if (store == Store::assign) {
    matrix(out).noalias() = a * b;
  } else {
    matrix(out).noalias() += a * b;
  }
}

/// Calls work(matrix) with the factor as Eigen sees it, to which a transpose is another type.
template <class Work>
void with(const Factor& factor, const Work& work) {
  const Eigen::OuterStride<> stride(factor.stride);
  if (factor.transposed) {
    work(Strided(factor.data, factor.cols, factor.rows, stride).transpose());
  } else {
    work(Strided(factor.data, factor.rows, factor.cols, stride));
  }
}

}  // namespace

void multiply(const Factor& a, const Factor& b, Store store, MatrixView out) {
  with(a, [&](const auto& left) {
    with(b, [&](const auto& right) { store_product(left, right, store, out); });
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
