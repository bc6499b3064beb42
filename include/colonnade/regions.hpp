// Where a tensor changes from replicated to sharded and back. Each region is a conjugate pair: its
// backward is the adjoint of its forward, <F x, g> = <x, F' g> summed over ranks, and
// tests/test_regions.cpp holds every pair to that.
//
//   region                forward                     backward
//   CopyToRanks           identity (x is replicated)  all-reduce (partial dx)
//   ReduceFromRanks       all-reduce (partial y)      identity (dy is replicated)
//   GatherColumns         all-gather (own columns)    reduce-scatter (partial dy)
//   ReduceScatterColumns  reduce-scatter (partial y)  all-gather (own columns of dy)
//   SliceColumns          own columns of a replica    all-gather (own columns of dx)
//
// Whether a gradient is a partial sum, which needs exactly one reduction, or complete, which must
// get none, is the question on which most wrong backward passes went wrong. Where every rank holds
// the complete dy, the backward of GatherColumns is dy's own columns and sends nothing:
// `dy.columns(cut.range(rank))`.
//
// What is started instead may go on while the rank computes: its tensors must stay as they are
// until the group has finished it.
#pragma once

#include "colonnade/process_group.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

struct CopyToRanks {
  static void forward(ProcessGroup&, MatrixView /*x*/) {}
  /// dx [B, k]: this rank's partial sum before, the sum of all ranks after.
  static void backward(ProcessGroup& group, MatrixView dx, SumOrder order = SumOrder::any);
  static void start_backward(ProcessGroup& group, MatrixView dx);
};

struct ReduceFromRanks {
  /// y [B, m]: this rank's partial sum before, the sum of all ranks after.
  static void forward(ProcessGroup& group, MatrixView y, SumOrder order = SumOrder::any);
  static void start_forward(ProcessGroup& group, MatrixView y);
  static void backward(ProcessGroup&, MatrixView /*dy*/) {}
};

struct GatherColumns {
  /// y [B, m]: this rank has written its own columns; after it all columns are there.
  static void forward(ProcessGroup& group, const Sharding& cut, MatrixView y);
  static void start_forward(ProcessGroup& group, const Sharding& cut, MatrixView y);
  /// dy [B, m], a partial sum on each rank, to the sum's own columns [B, m_local].
  static Tensor backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy,
                         SumOrder order = SumOrder::any);
  /// The sum is there when the group has finished it.
  static Tensor start_backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy);
};

struct ReduceScatterColumns {
  /// y [B, m], a partial sum on each rank, to the sum's own columns [B, m_local].
  static Tensor forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView y,
                        SumOrder order = SumOrder::any);
  /// The sum is there when the group has finished it.
  static Tensor start_forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView y);
  /// dy [B, m_local], own columns, to all of them [B, m].
  static Tensor backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy);
};

struct SliceColumns {
  /// x [B, k], the same on all ranks, to its own columns, which are a view of x.
  static ConstMatrixView forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView x);
  /// dx [B, k]: this rank has written its own columns; after it all columns are there.
  static void backward(ProcessGroup& group, const Sharding& cut, MatrixView dx);
};

}  // namespace colonnade::inline COLONNADE_PRECISION
