// Mean-square loss:  L = (1 / (n m)) sum (Y - T)^2,  dL/dY = 2 (Y - T) / (n m),  with the global m.
#pragma once

#include <memory_resource>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

struct MeanSquare {
  /// y and t [n, m], both complete on every rank: so is the loss, without a message.
  static double forward(ConstMatrixView y, ConstMatrixView t);

  /// The own columns of dL/dY, [n, own.size()]. They are complete, not a partial sum: y is
  /// replicated.
  static Tensor backward(ConstMatrixView y, ConstMatrixView t, Range own,
                         std::pmr::memory_resource* memory);
};

}  // namespace colonnade::inline COLONNADE_PRECISION
