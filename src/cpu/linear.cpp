// Matrix products. With EIGEN_USE_BLAS, Eigen hands them to the BLAS that the build found.
#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z) {
  check_shape(w, x.cols, any_size, "w [k, m]");
  check_shape(z, x.rows, w.cols, "z [n, m]");
  matrix(z).noalias() = matrix(x) * matrix(w);
}

void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx) {
  check_shape(w, any_size, dz.cols, "w [k, m]");
  check_shape(dx, dz.rows, w.rows, "dx [n, k]");
  matrix(dx).noalias() = matrix(dz) * matrix(w).transpose();
}

void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw) {
  check_shape(dz, x.rows, any_size, "dz [n, m]");
  check_shape(dw, x.cols, dz.cols, "dw [k, m]");
  matrix(dw).noalias() += matrix(x).transpose() * matrix(dz);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
