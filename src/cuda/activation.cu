// Bias, activation and derivative in one pass. The derivative takes the place of the
// pre-activation; where forward has nothing else to change there, backward computes it, and forward
// moves a third less. cuBLASLt can't do it while it multiplies: its epilogues add a bias to each
// row of a matrix by columns, and ours have their features in columns. Columns are added by one
// block each, in an order that their length decides.
#include <algorithm>

#include "colonnade/ops.hpp"
#include "cuda/activations.hpp"
#include "cuda/elementwise.hpp"
#include "cuda/sums.hpp"
#include "matmul.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// The bias of `count` elements of a matrix with `rows` rows from element i on; zeros if there is
/// none.
template <int count>
__device__ Pack<count> load_bias(const Scalar* bias, Index rows, Index i) {
  Pack<count> result = {};
  if (bias == nullptr) return result;
  Index column = i / rows, row = i % rows;
  for (int j = 0; j < count; ++j) {
    result[j] = bias[column];
    if (++row == rows) {
      row = 0;
      ++column;
    }
  }
  return result;
}

struct ActivationForward {
  Activation activation;
  const Scalar* bias;
  Index rows;
  Scalar* z;
  Scalar* y;

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> shift = load_bias<count>(bias, rows, i);
    Pack<count> derivative = load<count>(z + i), value;
    for (int j = 0; j < count; ++j) {
      const Activated result =
          activated(activation, bias != nullptr ? derivative[j] + shift[j] : derivative[j]);
      value[j] = result.value;
      derivative[j] = result.derivative;
    }
    store(derivative, z + i);
    store(value, y + i);
  }
};

/// Of a product z, which is left as it is.
struct ActivationOfProduct {
  Activation activation;
  const Scalar* bias;
  Index rows;
  const Scalar* z;
  Scalar* y;

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> shift = load_bias<count>(bias, rows, i), product = load<count>(z + i);
    Pack<count> value;
    for (int j = 0; j < count; ++j) value[j] = activated(activation, product[j] + shift[j]).value;
    store(value, y + i);
  }
};

struct BiasForward {
  const Scalar* bias;
  Index rows;
  Scalar* y;

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> shift = load_bias<count>(bias, rows, i);
    Pack<count> sum = load<count>(y + i);
    for (int j = 0; j < count; ++j) sum[j] += shift[j];
    store(sum, y + i);
  }
};

// How backward comes by dz of an element, and leaves it.

struct DerivativeIsOne {
  __device__ Scalar dz(Scalar dy, Index, Index) const { return dy; }
};

struct StoredDerivative {
  Scalar* derivative;
  __device__ Scalar dz(Scalar dy, Index i, Index) const { return derivative[i] *= dy; }
};

struct DerivativeOfProduct {
  Activation activation;
  const Scalar* bias;
  Scalar* z;
  __device__ Scalar dz(Scalar dy, Index i, Index column) const {
    const Scalar shift = bias != nullptr ? bias[column] : Scalar{0};
    return z[i] = activated(activation, z[i] + shift).derivative * dy;
  }
};

/// dz = dy * s' and db += 1^T dz, one column a block; db may be null.
template <class Derivative>
__global__ void backward_columns(const Scalar* dy, Derivative derivative, Index rows, Scalar* db) {
  const Index first = blockIdx.x * rows;
  Scalar sum = 0;
  for (Index i = first + threadIdx.x; i < first + rows; i += blockDim.x) {
    sum += derivative.dz(dy[i], i, blockIdx.x);
  }
  sum = gpu::block_sum(sum);
  if (threadIdx.x == 0 && db != nullptr) db[blockIdx.x] += sum;
}

/// Threads that are worth it for a column, and of them whole warps.
gpu::Grid block_a_column(ConstMatrixView matrix) {
  constexpr Index rows_a_thread = 4;
  const Index warps = matrix.rows / (gpu::warp * rows_a_thread);
  const auto threads =
      static_cast<unsigned>(std::clamp<Index>(warps, 1, gpu::block_threads / gpu::warp)) *
      gpu::warp;
  return {.blocks = static_cast<unsigned>(matrix.cols), .threads = threads};
}

Scalar* data_or_null(MatrixView view) {
  return view.size() > 0 ? view.data : nullptr;
}

const Scalar* data_or_null(ConstMatrixView view) {
  return view.size() > 0 ? view.data : nullptr;
}

}  // namespace

void activation_forward(Activation activation, ConstMatrixView bias, MatrixView z, MatrixView y) {
  check_activation_forward(bias, z, y);
  for_each_element("activation_forward", z.size(), {z.data, y.data},
                   ActivationForward{activation, data_or_null(bias), z.rows, z.data, y.data});
}

void activation_backward(ConstMatrixView dy, MatrixView derivative, MatrixView db) {
  check_activation_backward(dy, derivative, db);
  gpu::launch("activation_backward", backward_columns<StoredDerivative>, block_a_column(dy),
              dy.data, StoredDerivative{derivative.data}, dy.rows, data_or_null(db));
}

void bias_forward(ConstMatrixView bias, MatrixView y) {
  check_bias_forward(bias, y);
  if (bias.size() == 0) return;
  for_each_element("bias_forward", y.size(), {y.data}, BiasForward{bias.data, y.rows, y.data});
}

void bias_backward(ConstMatrixView dy, MatrixView db) {
  check_bias_backward(dy, db);
  if (db.size() == 0) return;
  gpu::launch("bias_backward", backward_columns<DerivativeIsOne>, block_a_column(dy), dy.data,
              DerivativeIsOne{}, dy.rows, db.data);
}

bool fuses_activation() {
  return true;
}

void linear_activation_forward(Activation activation, ConstMatrixView x, ConstMatrixView w,
                               ConstMatrixView bias, MatrixView z, MatrixView y) {
  check_linear_activation_forward(x, w, bias, z, y);
  multiply(factor(x), factor(w), Store::assign, z);
  for_each_element("linear_activation_forward", z.size(), {z.data, y.data},
                   ActivationOfProduct{activation, data_or_null(bias), z.rows, z.data, y.data});
}

void linear_activation_backward(Activation activation, ConstMatrixView bias, ConstMatrixView dy,
                                MatrixView z, MatrixView db) {
  check_linear_activation_backward(bias, dy, z, db);
  gpu::launch("linear_activation_backward", backward_columns<DerivativeOfProduct>,
              block_a_column(dy), dy.data,
              DerivativeOfProduct{activation, data_or_null(bias), z.data}, dy.rows,
              data_or_null(db));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
