#include "colonnade/regions.hpp"

#include <algorithm>
#include <span>

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

std::span<Scalar> elements(MatrixView view) {
  return {view.data, static_cast<std::size_t>(view.size())};
}
std::span<const Scalar> elements(ConstMatrixView view) {
  return {view.data, static_cast<std::size_t>(view.size())};
}

// Columns are contiguous, so the concatenation of all ranks' columns is the matrix itself.
void all_gather_columns(ProcessGroup& group, const Sharding& cut, MatrixView matrix) {
  check_shape(matrix, any_size, cut.total(), "matrix [B, columns]");
  group.all_gather(elements(matrix), cut.ranges(), matrix.rows);
}

Tensor reduce_scatter_columns(ProcessGroup& group, const Sharding& cut, ConstMatrixView matrix,
                              SumOrder order) {
  check_shape(matrix, any_size, cut.total(), "matrix [B, columns]");
  Tensor local(matrix.rows, cut.range(group.rank()).size(), group.memory());
  group.reduce_scatter(elements(matrix), elements(MatrixView(local)), cut.ranges(), matrix.rows,
                       order);
  return local;
}

}  // namespace

void CopyToRanks::backward(ProcessGroup& group, MatrixView dx, SumOrder order) {
  group.all_reduce(elements(dx), Reduction::sum, order);
}

void ReduceFromRanks::forward(ProcessGroup& group, MatrixView y, SumOrder order) {
  group.all_reduce(elements(y), Reduction::sum, order);
}

void GatherColumns::forward(ProcessGroup& group, const Sharding& cut, MatrixView y) {
  all_gather_columns(group, cut, y);
}

Tensor GatherColumns::backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy,
                               SumOrder order) {
  return reduce_scatter_columns(group, cut, dy, order);
}

Tensor ReduceScatterColumns::forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView y,
                                     SumOrder order) {
  return reduce_scatter_columns(group, cut, y, order);
}

Tensor ReduceScatterColumns::backward(ProcessGroup& group, const Sharding& cut,
                                      ConstMatrixView dy) {
  const Range own = cut.range(group.rank());
  check_shape(dy, any_size, own.size(), "dy [B, own columns]");
  Tensor all(dy.rows, cut.total(), group.common_memory());
  std::copy_n(dy.data, dy.size(), all.columns(own).data);
  all_gather_columns(group, cut, all);
  return all;
}

ConstMatrixView SliceColumns::forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView x) {
  check_shape(x, any_size, cut.total(), "x [B, columns]");
  return x.columns(cut.range(group.rank()));
}

void SliceColumns::backward(ProcessGroup& group, const Sharding& cut, MatrixView dx) {
  all_gather_columns(group, cut, dx);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
