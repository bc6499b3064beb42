#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void accumulate(ConstMatrixView x, MatrixView sum) {
  check_accumulate(x, sum);
  for_each_chunk(x.size(), [=](Index begin, Index count) {
    array(sum.data + begin, count) += array(x.data + begin, count);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
