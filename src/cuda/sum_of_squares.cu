// The squares of a matrix or of a shard of it are added in the order of its own elements, column
// after column, wherever it lies.
#include "colonnade/ops.hpp"
#include "cuda/sums.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Of shards that are columns of a matrix, or rows.
struct Squares {
  const Scalar* data;
  Index rows;
  Index cols;
  bool by_columns;

  __host__ __device__ Index count(const gpu::TreeStep& shard) const {
    return (shard.end - shard.begin) * (by_columns ? rows : cols);
  }
  __device__ double term(const gpu::TreeStep& shard, Index i) const {
    const Index height = shard.end - shard.begin;
    const double x = by_columns ? data[shard.begin * rows + i]
                                : data[i / height * rows + shard.begin + i % height];
    return x * x;
  }
};

}  // namespace

void sum_of_squares(ConstMatrixView matrix, const WeightShards& shards, std::span<double> sum) {
  check_sum_of_squares(matrix, shards);
  const Range whole[] = {{0, matrix.cols}};
  const bool cut = !shards.ranges.empty();
  const bool by_columns = !cut || shards.axis == WeightShards::Axis::outputs;
  gpu::sum_terms("sum_of_squares", Squares{matrix.data, matrix.rows, matrix.cols, by_columns},
                 gpu::tree_of(cut ? shards.ranges : whole), sum.data());
}

}  // namespace colonnade::inline COLONNADE_PRECISION
