#include "colonnade/loss.hpp"

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

double MeanSquare::forward(ConstMatrixView y, ConstMatrixView t) {
  return squared_error_forward(y, t) / static_cast<double>(y.size());
}

Tensor MeanSquare::backward(ConstMatrixView y, ConstMatrixView t, Range own,
                            std::pmr::memory_resource* memory) {
  Tensor dy_local(y.rows, own.size(), memory);
  squared_error_backward(y.columns(own), t.columns(own), 1 / static_cast<double>(y.size()),
                         dy_local);
  return dy_local;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
