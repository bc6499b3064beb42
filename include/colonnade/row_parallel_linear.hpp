// The layer whose ranks cut the inputs. After a column-parallel layer that doesn't gather, the
// hidden activation between the two never travels.
//
//   forward    Y = s(all-reduce of X_r W_r + b), the bias once, after the sum
//   backward   dZ = dY * s'(Z)        dX_r = dZ W_r^T        dW_r += X_r^T dZ        db += 1^T dZ
//
// Row-parallel: rank r owns the input features range(r): columns of X, rows of W. Every rank
// computes the activation on all of Z and holds the same b, dZ and db: nothing of them is summed,
// and a norm over all parameters counts b once.
//
// With a sharded output each rank gets its own columns of the sum (a reduce-scatter) and of all
// that follows, b included; backward gathers dZ.
#pragma once

#include "colonnade/linear_layer.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

class RowParallelLinear final : public LinearLayer {
 public:
  /// `group` must outlive the layer. Throws unless each rank, or each logical shard, gets a column
  /// of x, and of y if that is sharded.
  RowParallelLinear(ProcessGroup& group, const Options& options, bool shard_output);

  /// x [B, in_local]: this rank's own columns. y [B, out], the same on all ranks; [B, out_local] if
  /// the output is sharded. The sum over the ranks may be under way.
  Forward begin_forward(Tensor x, const ForwardContext& context, bool overlap) const override;
  Output finish_forward(Forward begun) const override;

  /// dy: complete, with the columns that y has. Returns dx [B, in_local], complete without a
  /// message.
  Backward begin_backward(Cache cache, Tensor dy, bool overlap) override;

  bool shards_output() const { return shard_output_; }
  const Sharding& input_cut() const { return input_cut_; }
  const Sharding& output_cut() const { return output_cut_; }

 private:
  Tensor partial_sum(ConstMatrixView x) const;
  Tensor sum_over_ranks(Tensor partial) const;
  Tensor activate_sum(Tensor z, const ForwardContext& context, Tensor& y) const;

  bool shard_output_;
  Sharding input_cut_;
  Sharding output_cut_;  // of one part unless the output is sharded
};

}  // namespace colonnade::inline COLONNADE_PRECISION
