// The computations of one rank, each forward beside its backward. No op communicates. A backend is
// a directory of src that defines exactly these symbols, and tests/test_ops.cpp is what it must
// pass.
//
// Matrices are column-major and have no gaps; [n, k] is n rows (samples) of k features. Every op
// checks its shapes and throws Error. Parameter gradients are added to (+=), all else is
// overwritten.
#pragma once

#include "colonnade/activation.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

// --- Linear: z = x w ---------------------------------------------------------------------------

/// z [n, m] = x [n, k] w [k, m]
void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z);

/// dx [n, k] = dz [n, m] w^T, w [k, m]
void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx);

/// dw [k, m] += x^T dz, x [n, k], dz [n, m]
void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw);

// --- Bias and activation: y = s(z + b) ---------------------------------------------------------

/// y [n, m] = s(z + 1 b) for z [n, m], b [1, m] or empty for none. On return z holds s'(z + 1 b),
/// which is all that backward needs, in the place of what it doesn't need any more.
/// (For the identity z is left as it was: its derivative is known.)
void activation_forward(Activation activation, ConstMatrixView bias, MatrixView z, MatrixView y);

/// dz = dy * s'(z + 1 b): `derivative` [n, m] comes from activation_forward and becomes dz.
/// db [1, m] += 1^T dz, unless db is empty.
void activation_backward(Activation activation, ConstMatrixView dy, MatrixView derivative,
                         MatrixView db);

// --- Loss: mean square -------------------------------------------------------------------------

/// Sum over all elements of (y - t)^2, y and t [n, m], summed in double.
double squared_error_forward(ConstMatrixView y, ConstMatrixView t);

/// dy = scale * 2 (y - t), all [n, m].
void squared_error_backward(ConstMatrixView y, ConstMatrixView t, double scale, MatrixView dy);

// --- Optimizer ---------------------------------------------------------------------------------

/// The numbers of one AdamW step, the same for every tensor but the decay.
struct AdamWCoefficients {
  double learning_rate;
  double beta1;
  double beta2;
  double eps;
  double weight_decay;
  double correction1;  // 1 - beta1^t
  double correction2;  // 1 - beta2^t
};

/// Loshchilov and Hutter, "Decoupled weight decay regularization", in one pass over memory:
///   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
///   w = w (1 - lr decay) - lr (m / correction1) / (sqrt(v / correction2) + eps)
void adamw_update(const AdamWCoefficients& c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment);

}  // namespace colonnade::inline COLONNADE_PRECISION
