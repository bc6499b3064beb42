#include "colonnade/ops.hpp"
#include "cuda/elementwise.hpp"
#include "cuda/sums.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// (y - t)^2 of all elements, in double.
struct SquaredErrors {
  const Scalar* y;
  const Scalar* t;

  __host__ __device__ Index count(const gpu::TreeStep& all) const { return all.end; }
  __device__ double term(const gpu::TreeStep&, Index i) const {
    const double difference = y[i] - t[i];
    return difference * difference;
  }
};

struct SquaredErrorBackward {
  const Scalar* y;
  const Scalar* t;
  Scalar factor;
  Scalar* dy;

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> left = load<count>(y + i), right = load<count>(t + i);
    Pack<count> result;
    for (int j = 0; j < count; ++j) result[j] = factor * (left[j] - right[j]);
    store(result, dy + i);
  }
};

}  // namespace

void squared_error_forward(ConstMatrixView y, ConstMatrixView t, std::span<double> sum) {
  check_squared_error_forward(y, t);
  const Range all[] = {{0, y.size()}};
  gpu::sum_terms("squared_error_forward", SquaredErrors{y.data, t.data}, gpu::tree_of(all),
                 sum.data());
}

void squared_error_backward(ConstMatrixView y, ConstMatrixView t, double scale, MatrixView dy) {
  check_squared_error_backward(y, t, dy);
  for_each_element("squared_error_backward", y.size(), {y.data, t.data, dy.data},
                   SquaredErrorBackward{y.data, t.data, static_cast<Scalar>(2 * scale), dy.data});
}

}  // namespace colonnade::inline COLONNADE_PRECISION
