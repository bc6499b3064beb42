// What each op asks of its operands before it computes, the same for every backend: a function for
// each op of ops.hpp, with its parameters. They throw Error.
#pragma once

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void check_linear_forward(ConstMatrixView x, ConstMatrixView w, ConstMatrixView z,
                          const WeightShards& shards);
void check_linear_backward_input(ConstMatrixView dz, ConstMatrixView w, ConstMatrixView dx,
                                 const WeightShards& shards);
void check_linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                      ConstMatrixView dx_part);
void check_linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, ConstMatrixView dw,
                                  const WeightShards& shards);

void check_activation_forward(ConstMatrixView bias, ConstMatrixView z, ConstMatrixView y);
void check_activation_backward(ConstMatrixView dy, ConstMatrixView derivative, ConstMatrixView db);
void check_bias_forward(ConstMatrixView bias, ConstMatrixView y);
void check_bias_backward(ConstMatrixView dy, ConstMatrixView db);

void check_linear_activation_forward(ConstMatrixView x, ConstMatrixView w, ConstMatrixView bias,
                                     ConstMatrixView z, ConstMatrixView y);
void check_linear_activation_backward(ConstMatrixView bias, ConstMatrixView dy, ConstMatrixView z,
                                      ConstMatrixView db);

void check_accumulate(ConstMatrixView x, ConstMatrixView sum);

void check_dropout_forward(const DropoutMask& mask, ConstMatrixView y, ConstMatrixView derivative);

void check_squared_error_forward(ConstMatrixView y, ConstMatrixView t);
void check_squared_error_backward(ConstMatrixView y, ConstMatrixView t, ConstMatrixView dy);

void check_row_largest(ConstMatrixView l, std::span<const double> largest);
void check_cross_entropy_forward(ConstMatrixView l, ConstMatrixView t,
                                 std::span<const double> largest, std::span<const double> sums,
                                 std::span<const Range> shards);
void check_cross_entropy_backward(ConstMatrixView e, ConstMatrixView t,
                                  std::span<const double> exp_sums, ConstMatrixView dl);

void check_sum_of_squares(ConstMatrixView matrix, const WeightShards& shards);
void check_adamw_update(ConstMatrixView gradient, ConstMatrixView value,
                        ConstMatrixView first_moment, ConstMatrixView second_moment);

}  // namespace colonnade::inline COLONNADE_PRECISION
