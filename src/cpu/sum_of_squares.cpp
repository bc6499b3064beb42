#include <array>
#include <vector>

#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "cpu/eigen.hpp"
#include "cpu/sums.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// One sum for each column of the rows given, on all threads, in memory kept from call to call.
std::vector<double>& column_sums(ConstMatrixView matrix, Range rows) {
  static thread_local std::vector<double> kept;
  if (static_cast<Index>(kept.size()) < matrix.cols) {
    kept.resize(static_cast<std::size_t>(matrix.cols));
  }
  std::vector<double>& sums = kept;  // of this thread, for all of the team
  for_each_column({nullptr, rows.size(), matrix.cols}, [&sums, matrix, rows](Index column) {
    const Scalar* const data = matrix.data + column * matrix.rows + rows.begin;
    sums[static_cast<std::size_t>(column)] = sum_in_lanes<double>(rows.size(), [data](Index i) {
      const double x = data[i];
      return x * x;
    });
  });
  return sums;
}

/// The columns' sums, one after the other.
double block_sum(ConstMatrixView matrix, Range rows) {
  const std::vector<double>& sums = column_sums(matrix, rows);
  double sum = 0;
  for (Index column = 0; column < matrix.cols; ++column) {
    sum += sums[static_cast<std::size_t>(column)];
  }
  return sum;
}

/// A long column, in pieces for the threads.
double column_of_pieces(ConstMatrixView column) {
  constexpr Index piece = 4096;
  const Index pieces = column.rows / piece, rest = column.rows % piece;
  return block_sum({column.data, piece, pieces}, {0, piece}) +
         block_sum({column.data + pieces * piece, rest, 1}, {0, rest});
}

double square_sum(ConstMatrixView matrix, const WeightShards& shards) {
  if (shards.ranges.empty() && matrix.cols == 1) return column_of_pieces(matrix);
  if (shards.ranges.empty()) return block_sum(matrix, {0, matrix.rows});
  const bool outputs = shards.axis == WeightShards::Axis::outputs;
  std::array<double, 64> stack;  // a tree of as many shards as an Index can count
  std::size_t height = 0;
  sum_along_tree(
      static_cast<Index>(shards.ranges.size()),
      [&](Index i) {
        const Range shard = shards.ranges[static_cast<std::size_t>(i)];
        stack[height++] =
            outputs ? block_sum(matrix.columns(shard), {0, matrix.rows}) : block_sum(matrix, shard);
      },
      [&] {
        --height;
        stack[height - 1] += stack[height];
      });
  return stack[0];
}

}  // namespace

void sum_of_squares(ConstMatrixView matrix, const WeightShards& shards, std::span<double> sum) {
  check_sum_of_squares(matrix, shards);
  sum[0] = square_sum(matrix, shards);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
