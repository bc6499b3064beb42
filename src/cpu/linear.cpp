// Matrix products. With EIGEN_USE_BLAS, Eigen hands them to the BLAS that the build found.
// A weight in one piece is multiplied here, on all threads; one in shards in linear_exact.cpp.
#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "cpu/linear_exact.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z,
                    const WeightShards& shards) {
  check_linear_forward(x, w, z, shards);
  if (!shards.ranges.empty()) {
    exact_forward(x, w, z, shards);
    return;
  }
  matrix(z).noalias() = matrix(x) * matrix(w);
}

void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                           const WeightShards& shards) {
  check_linear_backward_input(dz, w, dx, shards);
  if (!shards.ranges.empty()) {
    exact_backward_input(dz, w, dx, shards);
    return;
  }
  linear_backward_input_part(dz, w, 0, dx);
}

void linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                MatrixView dx_part) {
  check_linear_backward_input_part(dz, w, first, dx_part);
  matrix(dx_part).noalias() = matrix(dz) * matrix(w).middleRows(first, dx_part.cols).transpose();
}

void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw,
                            const WeightShards& shards) {
  check_linear_backward_weight(x, dz, dw, shards);
  if (!shards.ranges.empty()) {
    exact_backward_weight(x, dz, dw);
    return;
  }
  matrix(dw).noalias() += matrix(x).transpose() * matrix(dz);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
