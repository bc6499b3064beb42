#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

double squared_error_forward(ConstMatrixView y, ConstMatrixView t) {
  check_shape(t, y.rows, y.cols, "t [n, m]");
  // One chunk after the other on one thread: the sum has the same bits for any number of threads.
  double sum = 0;
  for (Index begin = 0; begin < y.size(); begin += chunk_size) {
    const Index count = std::min(chunk_size, y.size() - begin);
    sum += (array(y.data + begin, count) - array(t.data + begin, count))
               .template cast<double>()
               .square()
               .sum();
  }
  return sum;
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
