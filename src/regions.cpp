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

}  // namespace

void CopyToRanks::backward(ProcessGroup& group, MatrixView dx) {
  group.all_reduce(elements(dx));
}

void ReduceFromRanks::forward(ProcessGroup& group, MatrixView y) {
  group.all_reduce(elements(y));
}

void GatherColumns::forward(ProcessGroup& group, const Sharding& cut, MatrixView y) {
  all_gather_columns(group, cut, y);
}

Tensor GatherColumns::backward(ProcessGroup& group, const Sharding& cut, ConstMatrixView dy) {
  check_shape(dy, any_size, cut.total(), "dy [B, columns]");
  Tensor dy_local(dy.rows, cut.range(group.rank()).size(), group.memory());
  group.reduce_scatter(elements(dy), elements(MatrixView(dy_local)), cut.ranges(), dy.rows);
  return dy_local;
}

ConstMatrixView SliceColumns::forward(ProcessGroup& group, const Sharding& cut, ConstMatrixView x) {
  check_shape(x, any_size, cut.total(), "x [B, columns]");
  return x.columns(cut.range(group.rank()));
}

void SliceColumns::backward(ProcessGroup& group, const Sharding& cut, MatrixView dx) {
  all_gather_columns(group, cut, dx);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
