#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void accumulate(ConstMatrixView x, MatrixView sum) {
  check_shape(sum, x.rows, x.cols, "sum, as x");
  for_each_chunk(x.size(), [=](Index begin, Index count) {
    array(sum.data + begin, count) += array(x.data + begin, count);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
