// Matrix products. With EIGEN_USE_BLAS, Eigen hands them to the BLAS that the build found.
// A weight in one piece is multiplied here, on all threads; one in shards in linear_exact.cpp.
#include <string>

#include "check_shards.hpp"
#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "cpu/linear_exact.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void check_weight_shards(const WeightShards& shards, ConstMatrixView w) {
  const bool outputs = shards.axis == WeightShards::Axis::outputs;
  check_shards(shards.ranges, outputs ? w.cols : w.rows,
               outputs ? "w [k, m], its m outputs" : "w [k, m], its k inputs");
}

}  // namespace

void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z,
                    const WeightShards& shards) {
  check_shape(w, x.cols, any_size, "w [k, m]");
  check_shape(z, x.rows, w.cols, "z [n, m]");
  if (!shards.ranges.empty()) {
    check_weight_shards(shards, w);
    exact_forward(x, w, z, shards);
    return;
  }
  matrix(z).noalias() = matrix(x) * matrix(w);
}

void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                           const WeightShards& shards) {
  check_shape(w, any_size, dz.cols, "w [k, m]");
  check_shape(dx, dz.rows, w.rows, "dx [n, k]");
  if (!shards.ranges.empty()) {
    check_weight_shards(shards, w);
    exact_backward_input(dz, w, dx, shards);
    return;
  }
  linear_backward_input_part(dz, w, 0, dx);
}

void linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                MatrixView dx_part) {
  check_shape(w, any_size, dz.cols, "w [k, m]");
  check_shape(dx_part, dz.rows, any_size, "dx_part [n, p]");
  if (first < 0 || first + dx_part.cols > w.rows) {
    throw Error("a part of dx is outside of it",
                {.wanted = "columns of " + std::to_string(w.rows),
                 .found = std::to_string(first) + " to " + std::to_string(first + dx_part.cols)});
  }
  matrix(dx_part).noalias() = matrix(dz) * matrix(w).middleRows(first, dx_part.cols).transpose();
}

void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw,
                            const WeightShards& shards) {
  check_shape(dz, x.rows, any_size, "dz [n, m]");
  check_shape(dw, x.cols, dz.cols, "dw [k, m]");
  if (!shards.ranges.empty()) {
    check_weight_shards(shards, dw);
    exact_backward_weight(x, dz, dw);
    return;
  }
  matrix(dw).noalias() += matrix(x).transpose() * matrix(dz);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
