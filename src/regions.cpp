#include "colonnade/regions.hpp"

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

Tensor start_reduce_scatter_columns(ProcessGroup& group, const Sharding& cut,
                                    ConstMatrixView matrix) {
  check_shape(matrix, any_size, cut.total(), "matrix [B, columns]");
  Tensor local(matrix.rows, cut.range(group.rank()).size(), group.memory());
  group.start_reduce_scatter(elements(matrix), elements(MatrixView(local)), cut.ranges(),
                             matrix.rows);
  return local;
}

}  // namespace

void CopyToRanks::backward(ProcessGroup& group, MatrixView dx, SumOrder order) {
  group.all_reduce(elements(dx), Reduction::sum, order);
}

void CopyToRanks::start_backward(ProcessGroup& group, MatrixView dx) {
  group.start_all_reduce(elements(dx));
}

void ReduceFromRanks::forward(ProcessGroup& group, MatrixView y, SumOrder order) {
  group.all_reduce(elements(y), Reduction::sum, order);
}

void ReduceFromRanks::start_forward(ProcessGroup& group, MatrixView y) {
  group.start_all_reduce(elements(y));
}

void GatherColumns::forward(ProcessGroup& group, const Sharding& cut, MatrixView y) {
  all_gather_columns(group, cut, y);
}

void GatherColumns::start_forward(ProcessGroup& group, const Sharding& cut, MatrixView y) {
  check_shape(y, any_size, cut.total(), "matrix [B, columns]");
  group.start_all_gather(elements(y), cut.ranges(), y.rows);
}

Tensor GatherColumns::backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy,
                               SumOrder order) {
  return reduce_scatter_columns(group, cut, dy, order);
}

Tensor GatherColumns::start_backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy) {
  return start_reduce_scatter_columns(group, cut, dy);
}

Tensor ReduceScatterColumns::forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView y,
                                     SumOrder order) {
  return reduce_scatter_columns(group, cut, y, order);
}

Tensor ReduceScatterColumns::start_forward(ProcessGroup& group, const Sharding& cut,
                                           ConstMatrixView y) {
  return start_reduce_scatter_columns(group, cut, y);
}

Tensor ReduceScatterColumns::backward(ProcessGroup& group, const Sharding& cut,
                                      ConstMatrixView dy) {
  const Range own = cut.range(group.rank());
  check_shape(dy, any_size, own.size(), "dy [B, own columns]");
  Tensor all(dy.rows, cut.total(), group.common_memory());
  copy(dy, all.columns(own));
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
