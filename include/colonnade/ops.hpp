// The computations of one rank, each forward beside its backward. No op communicates. A backend is
// a directory of src that defines exactly these symbols, and tests/test_ops.cpp is what it must
// pass.
//
// All matrices and spans lie in device memory (device_memory.hpp). A sum is left in the first
// number of a span, so that what follows it need not wait; the same op that returns it waits.
//
// Matrices are column-major and have no gaps; [n, k] is n rows (samples) of k features. Every op
// checks its shapes and throws Error. Parameter gradients are added to (+=), all else is
// overwritten.
#pragma once

#include <span>

#include "colonnade/activation.hpp"
#include "colonnade/random.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

// --- Linear: z = x w ---------------------------------------------------------------------------

/// The logical shards of a weight [k, m] that are at hand: consecutive ranges from 0 to the end of
/// the axis, counted in the weight at hand. No ranges: it is in one piece, and its products are the
/// fastest there are.
///
/// With ranges, be it only one, products are exact: each shard is multiplied by itself, and sums
/// over shards run along the tree of tree_sum.hpp. The bits of a shard's part then depend on its
/// own shape and numbers, not on how many shards are at hand, on threads or on addresses.
struct WeightShards {
  enum class Axis { outputs, inputs };  // the columns are cut, or the rows
  Axis axis = Axis::outputs;
  std::span<const Range> ranges = {};
};

/// z [n, m] = x [n, k] w [k, m]
void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z,
                    const WeightShards& shards = {});

/// dx [n, k] = dz [n, m] w^T, w [k, m]
void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                           const WeightShards& shards = {});

/// The columns [first, first + p) of that dx, as dx_part [n, p]: of a weight in one piece.
void linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                MatrixView dx_part);

/// dw [k, m] += x^T dz, x [n, k], dz [n, m]
void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw,
                            const WeightShards& shards = {});

// --- Bias and activation: y = s(z + b) ---------------------------------------------------------

/// y [n, m] = s(z + 1 b) for z [n, m], b [1, m] or empty for none. On return z holds s'(z + 1 b),
/// which is all that backward needs, in the place of what it doesn't need any more.
void activation_forward(Activation activation, ConstMatrixView bias, MatrixView z, MatrixView y);

/// dz = dy * s'(z + 1 b): `derivative` [n, m] comes from activation_forward and becomes dz.
/// db [1, m] += 1^T dz, unless db is empty.
void activation_backward(ConstMatrixView dy, MatrixView derivative, MatrixView db);

/// The same for the identity without dropout, whose derivative is 1: y += 1 b, and db += 1^T dy;
/// nothing happens where b or db is empty.
void bias_forward(ConstMatrixView bias, MatrixView y);
void bias_backward(ConstMatrixView dy, MatrixView db);

// --- Linear, bias and activation at once: y = s(x w + b) ---------------------------------------

/// Whether the backend does this in less time than linear_forward and activation_forward take.
bool fuses_activation();

/// y [n, m] = s(x w + 1 b) for x [n, k], w [k, m] in one piece, b [1, m] or empty for none. On
/// return z [n, m] holds what its own backward needs, which is the backend's affair.
void linear_activation_forward(Activation activation, ConstMatrixView x, ConstMatrixView w,
                               ConstMatrixView bias, MatrixView z, MatrixView y);

/// dz = dy * s'(x w + 1 b): `z` [n, m] comes from linear_activation_forward with the same
/// activation and bias, and becomes dz. db [1, m] += 1^T dz, unless db is empty.
void linear_activation_backward(Activation activation, ConstMatrixView bias, ConstMatrixView dy,
                                MatrixView z, MatrixView db);

// --- Sums --------------------------------------------------------------------------------------

/// sum += x, both of one shape.
void accumulate(ConstMatrixView x, MatrixView sum);

// --- Dropout -----------------------------------------------------------------------------------

/// Which elements of a layer's whole [B, width] output are dropped, and where the matrix at hand
/// lies in it. Element (i, j) of the whole is dropped with probability `rate`, decided by `random`
/// and (i, j): the same for every mesh.
struct DropoutMask {
  KeyedRandom random;
  double rate = 0;
  Index first_row = 0;
  Index first_col = 0;
  /// A number in device memory, or null. With it random.at(*step) decides: an op that is done again
  /// as it was recorded finds another number there.
  const std::uint64_t* step = nullptr;
};

/// y and derivative, both [n, m], become 0 where dropped and 1 / (1 - rate) times themselves
/// elsewhere. That is all: backward's product with the derivative does the rest. An empty
/// derivative is left out.
void dropout_forward(const DropoutMask& mask, MatrixView y, MatrixView derivative);

// --- Loss: mean square -------------------------------------------------------------------------

/// Sum over all elements of (y - t)^2, y and t [n, m], summed in double.
void squared_error_forward(ConstMatrixView y, ConstMatrixView t, std::span<double> sum);
double squared_error_forward(ConstMatrixView y, ConstMatrixView t);

/// dy = scale * 2 (y - t), all [n, m].
void squared_error_backward(ConstMatrixView y, ConstMatrixView t, double scale, MatrixView dy);

// --- Loss: softmax cross-entropy over classes that are cut into shards ---------------------------
//
// l [n, m] logits of m of the V classes, t [n, m] their probabilities (one-hot for a label; a row
// sums to 1 over all V); logits are finite. With the largest logit L_i of row i and d_ij = l_ij -
// L_i, three numbers a row are what shards add up:  sum_j exp(d_ij),  sum_j t_ij d_ij,  sum_j d_ij.

/// largest [n]: the largest of each row.
void row_largest(ConstMatrixView l, std::span<double> largest);
/// On return l holds exp(d), and sums [3 n] the three sums of these m columns: first all rows'
/// first sums, then the second, then the third. `shards` are ranges of columns: a shard's columns
/// are added in an order that their number decides, the shards along the tree; without shards all m
/// are one.
void cross_entropy_forward(MatrixView l, ConstMatrixView t, std::span<const double> largest,
                           std::span<double> sums, std::span<const Range> shards = {});
/// The loss, summed over rows: sum_i log s_i - (1 - smoothing) sums_[n + i] - smoothing / classes
/// sums_[2 n + i], of sums [3 n] over all classes. It is -sum q (l - L - log s), for the q of a row
/// sum to 1.
void cross_entropy_loss(std::span<const double> sums, double smoothing, Index classes,
                        std::span<double> loss);
double cross_entropy_loss(std::span<const double> sums, double smoothing, Index classes);
/// dl = scale (e / s_i - (1 - smoothing) t - smoothing / classes): e [n, m] = exp(d) and
/// exp_sums [n] = s from forward, s summed over all classes.
void cross_entropy_backward(ConstMatrixView e, ConstMatrixView t, std::span<const double> exp_sums,
                            double smoothing, Index classes, double scale, MatrixView dl);

// --- The verdict on a step ---------------------------------------------------------------------

/// What a step's loss and gradients are judged by.
struct StepBounds {
  double loss_divisor = 1;    // the loss is its sum over this
  double clip = 0;            // largest norm of all gradients; 0: unbounded
  double largest_square = 0;  // of a gradient, that an update may square; 0: gradients unjudged
};

/// The sum of numbers along the tree of tree_sum.hpp; 0 of none.
void add_along_tree(std::span<const double> numbers, std::span<double> sum);

/// `tail` [2] = the votes for the end of the run, and 1 if the loss is not finite, else 0.
/// `totals` [2]: the loss's sum over all rows, the votes.
void judge_loss(const StepBounds& bounds, std::span<const double> totals, std::span<double> tail);

struct AdamWCoefficients;

/// Whether there is an update, 1 or 0, as `updates` of all coefficients and in `updates` [1]; and
/// of how much of the gradients, as their `gradient_scale`. `totals` [2] as above. `squares` are
/// those of all gradients, and after them what judge_loss said, summed over all ranks; where
/// gradients are not judged they are not looked at. With N the square root of the sum of squares,
/// gradients are scaled by min(1, clip / (N + 1e-6)), as PyTorch's clip_grad_norm_ has it. There is
/// no update where a loss is not finite on any rank, nor if the square of the scaled N is above
/// largest_square or not a number.
void judge_step(const StepBounds& bounds, std::span<const double> totals,
                std::span<const double> squares, std::span<AdamWCoefficients> coefficients,
                std::span<double> updates);

// --- Optimizer ---------------------------------------------------------------------------------

/// The numbers of one AdamW step, the same for every tensor but the decay.
struct AdamWCoefficients {
  double learning_rate;
  double beta1;
  double beta2;
  double eps;
  double weight_decay;
  double correction1;         // 1 - beta1^t
  double correction2;         // 1 - beta2^t
  double gradient_scale = 1;  // of g, before all else: clipping
  double updates = 1;         // 0: nothing changes
};

/// Sum of the squares of all elements, in double. By shards of a weight, if there are any: each
/// shard for itself, then along the tree.
void sum_of_squares(ConstMatrixView matrix, const WeightShards& shards, std::span<double> sum);
double sum_of_squares(ConstMatrixView matrix, const WeightShards& shards = {});

/// Loshchilov and Hutter, "Decoupled weight decay regularization", in one pass over memory:
///   g = gradient_scale gradient
///   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
///   w = w (1 - lr decay) - lr (m / correction1) / (sqrt(v / correction2) + eps)
void adamw_update(std::span<const AdamWCoefficients> c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment);
/// The same, and the gradient becomes zero on the way. It is in the cache there: zeroing it later
/// is a pass over memory of its own, for nothing.
void adamw_update_and_zero(std::span<const AdamWCoefficients> c, MatrixView gradient,
                           MatrixView value, MatrixView first_moment, MatrixView second_moment);

/// Both with coefficients that the program has.
void adamw_update(const AdamWCoefficients& c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment);
void adamw_update_and_zero(const AdamWCoefficients& c, MatrixView gradient, MatrixView value,
                           MatrixView first_moment, MatrixView second_moment);

}  // namespace colonnade::inline COLONNADE_PRECISION
