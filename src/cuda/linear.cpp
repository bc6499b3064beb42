// The products of a linear layer. A weight in one piece is multiplied by cuBLASLt, one in shards in
// linear_exact.cu.
#include "colonnade/ops.hpp"
#include "cuda/linear_exact.hpp"
#include "cuda/matmul.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z,
                    const WeightShards& shards) {
  check_linear_forward(x, w, z, shards);
  if (!shards.ranges.empty()) return exact_forward(x, w, z, shards);
  multiply(factor(x), factor(w), Store::assign, z);
}

void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                           const WeightShards& shards) {
  check_linear_backward_input(dz, w, dx, shards);
  if (!shards.ranges.empty()) return exact_backward_input(dz, w, dx, shards);
  multiply(factor(dz), transposed(w), Store::assign, dx);
}

void linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                MatrixView dx_part) {
  check_linear_backward_input_part(dz, w, first, dx_part);
  Factor rows_of_w = transposed(w);
  rows_of_w.data += first;
  rows_of_w.cols = dx_part.cols;
  multiply(factor(dz), rows_of_w, Store::assign, dx_part);
}

void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw,
                            const WeightShards& shards) {
  check_linear_backward_weight(x, dz, dw, shards);
  if (!shards.ranges.empty()) return exact_backward_weight(x, dz, dw);
  multiply(transposed(x), factor(dz), Store::add, dw);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
