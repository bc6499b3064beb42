#include "op_shapes.hpp"

#include <string>

#include "check_shards.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void check_weight_shards(const WeightShards& shards, ConstMatrixView w) {
  if (shards.ranges.empty()) return;
  const bool outputs = shards.axis == WeightShards::Axis::outputs;
  check_shards(shards.ranges, outputs ? w.cols : w.rows,
               outputs ? "w [k, m], its m outputs" : "w [k, m], its k inputs");
}

/// A bias or its gradient, which may be left out.
void check_bias(ConstMatrixView bias, Index columns, std::string_view what) {
  if (bias.size() > 0) check_shape(bias, 1, columns, what);
}

/// Numbers of rows that lie side by side.
void check_rows(std::size_t size, Index wanted, std::string_view what) {
  check_shape({nullptr, static_cast<Index>(size), 1}, wanted, 1, what);
}

}  // namespace

void check_linear_forward(ConstMatrixView x, ConstMatrixView w, ConstMatrixView z,
                          const WeightShards& shards) {
  check_shape(w, x.cols, any_size, "w [k, m]");
  check_shape(z, x.rows, w.cols, "z [n, m]");
  check_weight_shards(shards, w);
}

void check_linear_backward_input(ConstMatrixView dz, ConstMatrixView w, ConstMatrixView dx,
                                 const WeightShards& shards) {
  check_shape(w, any_size, dz.cols, "w [k, m]");
  check_shape(dx, dz.rows, w.rows, "dx [n, k]");
  check_weight_shards(shards, w);
}

void check_linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                      ConstMatrixView dx_part) {
  check_shape(w, any_size, dz.cols, "w [k, m]");
  check_shape(dx_part, dz.rows, any_size, "dx_part [n, p]");
  if (first < 0 || first + dx_part.cols > w.rows) {
    throw Error("a part of dx is outside of it",
                {.wanted = "columns of " + std::to_string(w.rows),
                 .found = std::to_string(first) + " to " + std::to_string(first + dx_part.cols)});
  }
}

void check_linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, ConstMatrixView dw,
                                  const WeightShards& shards) {
  check_shape(dz, x.rows, any_size, "dz [n, m]");
  check_shape(dw, x.cols, dz.cols, "dw [k, m]");
  check_weight_shards(shards, dw);
}

void check_activation_forward(ConstMatrixView bias, ConstMatrixView z, ConstMatrixView y) {
  check_shape(y, z.rows, z.cols, "y [n, m]");
  check_bias(bias, z.cols, "bias [1, m]");
}

void check_activation_backward(ConstMatrixView dy, ConstMatrixView derivative, ConstMatrixView db) {
  check_shape(derivative, dy.rows, dy.cols, "derivative [n, m]");
  check_bias(db, dy.cols, "db [1, m]");
}

void check_bias_forward(ConstMatrixView bias, ConstMatrixView y) {
  check_bias(bias, y.cols, "bias [1, m]");
}

void check_bias_backward(ConstMatrixView dy, ConstMatrixView db) {
  check_bias(db, dy.cols, "db [1, m]");
}

void check_linear_activation_forward(ConstMatrixView x, ConstMatrixView w, ConstMatrixView bias,
                                     ConstMatrixView z, ConstMatrixView y) {
  check_linear_forward(x, w, z, {});
  check_activation_forward(bias, z, y);
}

void check_linear_activation_backward(ConstMatrixView bias, ConstMatrixView dy, ConstMatrixView z,
                                      ConstMatrixView db) {
  check_shape(z, dy.rows, dy.cols, "z [n, m]");
  check_bias(bias, dy.cols, "bias [1, m]");
  check_bias(db, dy.cols, "db [1, m]");
}

void check_accumulate(ConstMatrixView x, ConstMatrixView sum) {
  check_shape(sum, x.rows, x.cols, "sum, as x");
}

void check_dropout_forward(const DropoutMask& mask, ConstMatrixView y, ConstMatrixView derivative) {
  if (derivative.size() > 0) check_shape(derivative, y.rows, y.cols, "derivative [n, m]");
  if (!(mask.rate >= 0 && mask.rate < 1)) {
    throw Error("no such dropout rate",
                {.wanted = "0 <= rate < 1", .found = std::to_string(mask.rate)});
  }
}

void check_squared_error_forward(ConstMatrixView y, ConstMatrixView t) {
  check_shape(t, y.rows, y.cols, "t [n, m]");
}

void check_squared_error_backward(ConstMatrixView y, ConstMatrixView t, ConstMatrixView dy) {
  check_shape(t, y.rows, y.cols, "t [n, m]");
  check_shape(dy, y.rows, y.cols, "dy [n, m]");
}

void check_row_largest(ConstMatrixView l, std::span<const double> largest) {
  check_rows(largest.size(), l.rows, "largest [n, 1]");
}

void check_cross_entropy_forward(ConstMatrixView l, ConstMatrixView t,
                                 std::span<const double> largest, std::span<const double> sums,
                                 std::span<const Range> shards) {
  check_shape(t, l.rows, l.cols, "t [n, m]");
  check_rows(largest.size(), l.rows, "largest [n, 1]");
  check_rows(sums.size(), 3 * l.rows, "sums [3 n, 1]");
  if (!shards.empty()) check_shards(shards, l.cols, "l [n, m], its columns");
}

void check_cross_entropy_backward(ConstMatrixView e, ConstMatrixView t,
                                  std::span<const double> exp_sums, ConstMatrixView dl) {
  check_shape(t, e.rows, e.cols, "t [n, m]");
  check_shape(dl, e.rows, e.cols, "dl [n, m]");
  check_rows(exp_sums.size(), e.rows, "exp_sums [n, 1]");
}

void check_sum_of_squares(ConstMatrixView matrix, const WeightShards& shards) {
  if (shards.ranges.empty()) return;
  const bool outputs = shards.axis == WeightShards::Axis::outputs;
  check_shards(shards.ranges, outputs ? matrix.cols : matrix.rows,
               outputs ? "matrix, its columns" : "matrix, its rows");
}

void check_adamw_update(ConstMatrixView gradient, ConstMatrixView value,
                        ConstMatrixView first_moment, ConstMatrixView second_moment) {
  check_shape(value, gradient.rows, gradient.cols, "value, as its gradient");
  check_shape(first_moment, gradient.rows, gradient.cols, "first_moment, as its gradient");
  check_shape(second_moment, gradient.rows, gradient.cols, "second_moment, as its gradient");
}

}  // namespace colonnade::inline COLONNADE_PRECISION
