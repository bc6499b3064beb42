// The products of exact mode, in which no element's bits depend on what else is computed.
// linear.cpp has checked the shapes.
#pragma once

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void exact_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z, const WeightShards& shards);
void exact_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                          const WeightShards& shards);

void exact_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw);

}  // namespace colonnade::inline COLONNADE_PRECISION
