// A product of a BLAS has no room for more, so these are the ops that they are made of.
#include "colonnade/ops.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

bool fuses_activation() {
  return false;
}

void linear_activation_forward(Activation activation, ConstMatrixView x, ConstMatrixView w,
                               ConstMatrixView bias, MatrixView z, MatrixView y) {
  check_linear_activation_forward(x, w, bias, z, y);
  linear_forward(x, w, z);
  activation_forward(activation, bias, z, y);
}

void linear_activation_backward(Activation /*activation*/, ConstMatrixView bias, ConstMatrixView dy,
                                MatrixView z, MatrixView db) {
  check_linear_activation_backward(bias, dy, z, db);
  activation_backward(dy, z, db);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
