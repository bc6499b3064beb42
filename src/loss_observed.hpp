// What a loss tells the Observer of a group, if there is one.
#pragma once

#include <span>

#include "colonnade/mlp.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void tell_squared_error(const ProcessGroup& group, const OutputColumns& columns, ConstMatrixView y,
                        ConstMatrixView t, const double& sum);
void tell_squared_error_gradient(const ProcessGroup& group, const OutputColumns& columns,
                                 ConstMatrixView y, ConstMatrixView t, ConstMatrixView dy);

/// Of the own columns.
void tell_largest(const ProcessGroup& group, const OutputColumns& columns, ConstMatrixView y,
                  std::span<const double> largest);
/// Of the own columns, and e = exp(y - largest).
void tell_exp_sums(const ProcessGroup& group, const OutputColumns& columns,
                   std::span<const double> largest, ConstMatrixView t, ConstMatrixView e,
                   std::span<const double> sums);
void tell_cross_entropy(const ProcessGroup& group, bool smooths, Index rows,
                        std::span<const double> sums, const double& loss);
void tell_cross_entropy_gradient(const ProcessGroup& group, const OutputColumns& columns,
                                 bool smooths, ConstMatrixView e, std::span<const double> exp_sums,
                                 ConstMatrixView t, ConstMatrixView dy);

}  // namespace colonnade::inline COLONNADE_PRECISION
