#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "cpu/sums.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void squared_error_forward(ConstMatrixView y, ConstMatrixView t, std::span<double> sum) {
  check_squared_error_forward(y, t);
  // On one thread: the sum has the same bits for any number of threads.
  sum[0] = sum_in_lanes<double>(y.size(), [=](Index i) {
    const double difference = y.data[i] - t.data[i];
    return difference * difference;
  });
}

void squared_error_backward(ConstMatrixView y, ConstMatrixView t, double scale, MatrixView dy) {
  check_squared_error_backward(y, t, dy);
  const Scalar factor = static_cast<Scalar>(2 * scale);
  for_each_chunk(y.size(), [=](Index begin, Index count) {
    array(dy.data + begin, count) =
        factor * (array(y.data + begin, count) - array(t.data + begin, count));
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
