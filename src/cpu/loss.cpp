#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "cpu/sums.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

double squared_error_forward(ConstMatrixView y, ConstMatrixView t) {
  check_shape(t, y.rows, y.cols, "t [n, m]");
  // On one thread: the sum has the same bits for any number of threads.
  return sum_in_lanes<double>(y.size(), [=](Index i) {
    const double difference = y.data[i] - t.data[i];
    return difference * difference;
  });
}

void squared_error_backward(ConstMatrixView y, ConstMatrixView t, double scale, MatrixView dy) {
  check_shape(t, y.rows, y.cols, "t [n, m]");
  check_shape(dy, y.rows, y.cols, "dy [n, m]");
  const Scalar factor = static_cast<Scalar>(2 * scale);
  for_each_chunk(y.size(), [=](Index begin, Index count) {
    array(dy.data + begin, count) =
        factor * (array(y.data + begin, count) - array(t.data + begin, count));
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
