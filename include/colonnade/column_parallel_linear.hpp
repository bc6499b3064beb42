// The layer of the original job: x W_local, activation, all-gather into the full width.
//
//   forward    Z_r = X W_r + b_r      H_r = s(Z_r)      Y = all-gather of the H_r, or H_r itself
//   backward   dZ_r = dH_r * s'(Z_r)  partial dX = dZ_r W_r^T, summed over ranks
//              dW_r += X^T dZ_r       db_r += 1^T dZ_r
//
// Column-parallel: rank r owns the output features (columns) range(r) of W, b and Y. Its dW and db
// are complete without a message. docs/math.md derives each line.
#pragma once

#include "colonnade/linear_layer.hpp"

namespace colonnade {

/// What becomes of the partial dX of the ranks: nobody asks for it (the first layer of a network);
/// each gets its own columns of the sum (the layer below is column-parallel and gathers); or each
/// gets all of it (the layer below is row-parallel).
enum class InputGradient { none, own_columns, complete };

inline namespace COLONNADE_PRECISION {

class ColumnParallelLinear final : public LinearLayer {
 public:
  /// `group` must outlive the layer. Throws unless each rank, or each logical shard, gets a column
  /// of y, and of dX if that is cut.
  ColumnParallelLinear(ProcessGroup& group, const Options& options, bool gather_output,
                       InputGradient input_gradient);

  /// x [B, in], the same on all ranks. y [B, out], the same on all ranks, if the output is
  /// gathered, which may be under way; else y [B, out_local].
  Forward begin_forward(Tensor x, const ForwardContext& context, bool overlap) const override;
  Output finish_forward(Forward begun) const override;

  /// dy [B, out_local]: the complete gradient of this rank's own columns of y. Returns dx,
  /// complete: [B, in_local] in the cut of the layer below, [B, in] or empty, as InputGradient
  /// says. Its sum over the ranks may be under way.
  Backward begin_backward(Cache cache, Tensor dy, bool overlap) override;

  bool gathers_output() const { return gather_output_; }
  InputGradient input_gradient() const { return input_gradient_; }
  /// Of x and dX; in one part unless dX is cut.
  const Sharding& input_cut() const { return input_cut_; }
  const Sharding& output_cut() const { return output_cut_; }

 private:
  Tensor compute(ConstMatrixView x, const ForwardContext& context, bool fused,
                 MatrixView y_local) const;
  void sum_input_gradient(Backward& begun, bool overlap) const;

  bool gather_output_;
  InputGradient input_gradient_;
  Sharding input_cut_;
  Sharding output_cut_;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
