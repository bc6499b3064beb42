// The product itself, by Eigen, with operands rounded as the hardware rounds them and the epilogue
// in the type of the accumulator.
#include <Eigen/Core>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "cublaslt.hpp"
#include "include/cuda_bf16.h"

namespace pretended_gpu {
namespace {

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <typename T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

template <typename T>
T load(const void* data, std::int64_t at, std::int32_t type) {
  if (type == CUDA_R_64F) return static_cast<T>(static_cast<const double*>(data)[at]);
  if (type == CUDA_R_32F) return static_cast<T>(static_cast<const float*>(data)[at]);
  return static_cast<T>(float_of_bfloat16(static_cast<const std::uint16_t*>(data)[at]));
}

template <typename T>
void store(void* data, std::int64_t at, std::int32_t type, T value) {
  if (type == CUDA_R_64F) {
    static_cast<double*>(data)[at] = static_cast<double>(value);
  } else if (type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = static_cast<float>(value);
  } else {
    static_cast<std::uint16_t*>(data)[at] = bfloat16_bits(static_cast<float>(value));
  }
}

std::int64_t place(const Layout& m, std::int64_t row, std::int64_t col) {
  return m.order == CUBLASLT_ORDER_COL ? row + col * m.ld : row * m.ld + col;
}

template <typename T>
Matrix<T> load(const void* data, const Layout& m) {
  Matrix<T> loaded(static_cast<Eigen::Index>(m.rows), static_cast<Eigen::Index>(m.cols));
  for (Eigen::Index col = 0; col < loaded.cols(); ++col) {
    for (Eigen::Index row = 0; row < loaded.rows(); ++row) {
      loaded(row, col) = load<T>(data, place(m, row, col), m.type);
    }
  }
  return loaded;
}

// To 10 bits of mantissa, to nearest, a tie away from zero; infinities and NaN stay.
float round_to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  return std::bit_cast<float>((bits + 0x1000u) & ~0x1fffu);
}

template <typename T>
Matrix<T> operand(const void* data, const Layout& m, std::int32_t trans, std::int32_t compute) {
  Matrix<T> loaded = load<T>(data, m);
  if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) {
    loaded =
        loaded.unaryExpr([](T x) { return static_cast<T>(round_to_tf32(static_cast<float>(x))); });
  }
  if (trans != CUBLAS_OP_N) loaded.transposeInPlace();
  return loaded;
}

// cuBLASLt's GELU is the one with tanh.
constexpr double kRootOfTwoOverPi = 0.79788456080286535588;
constexpr double kCubic = 0.044715;

template <typename T>
T gelu(T x) {
  const T inner = static_cast<T>(kRootOfTwoOverPi) * (x + static_cast<T>(kCubic) * x * x * x);
  return static_cast<T>(0.5) * x * (1 + std::tanh(inner));
}

template <typename T>
T gelu_gradient(T x) {
  const T inner = static_cast<T>(kRootOfTwoOverPi) * (x + static_cast<T>(kCubic) * x * x * x);
  const T t = std::tanh(inner);
  const T slope = static_cast<T>(kRootOfTwoOverPi) * (1 + 3 * static_cast<T>(kCubic) * x * x);
  return static_cast<T>(0.5) * (1 + t) + static_cast<T>(0.5) * x * (1 - t * t) * slope;
}

template <typename T>
void store_bias_gradient(const Product& p, const Vector<T>& sums) {
  for (Eigen::Index i = 0; i < sums.size(); ++i) store(p.how.bias, i, p.d.type, sums[i]);
}

// Changes the result as the epilogue says, and writes or reads what goes with it.
template <typename T>
void apply_epilogue(const Product& p, Matrix<T>& result) {
  const Description& how = p.how;
  for (Eigen::Index col = 0; col < result.cols(); ++col) {
    for (Eigen::Index row = 0; row < result.rows(); ++row) {
      T& x = result(row, col);
      const std::int64_t aux = row + col * how.aux_ld;
      if (has(how, kBias)) x += load<T>(how.bias, row, p.d.type);
      if (has(how, kGelu) && has(how, kAux)) store(how.aux, aux, p.d.type, x);
      if (has(how, kGelu)) x = gelu(x);
      if (has(how, kGeluGradient)) x *= gelu_gradient(load<T>(how.aux, aux, p.d.type));
      // As the real one: NaN becomes 0.
      if (has(how, kRelu)) x = x > 0 ? x : 0;
    }
  }
  if (has(how, kBiasGradient)) store_bias_gradient<T>(p, result.rowwise().sum());
}

double scalar(const Product& p, const void* data, double of_host) {
  if (p.how.pointer_mode == CUBLASLT_POINTER_MODE_HOST) return of_host;
  return load<double>(data, 0, p.how.scale_type);
}

template <typename T>
void multiply_in(const Product& p) {
  const Matrix<T> a = operand<T>(p.a_data, p.a, p.how.trans_a, p.how.compute);
  const Matrix<T> b = operand<T>(p.b_data, p.b, p.how.trans_b, p.how.compute);
  const T alpha = static_cast<T>(scalar(p, p.alpha_data, p.alpha));
  const T beta = static_cast<T>(scalar(p, p.beta_data, p.beta));
  Matrix<T> result = alpha * (a * b);
  if (beta != 0) result += beta * load<T>(p.c_data, p.c);
  apply_epilogue(p, result);
  if (p.how.epilogue == CUBLASLT_EPILOGUE_BGRADA) store_bias_gradient<T>(p, a.rowwise().sum());
  if (p.how.epilogue == CUBLASLT_EPILOGUE_BGRADB) {
    store_bias_gradient<T>(p, b.colwise().sum().transpose());
  }
  for (Eigen::Index col = 0; col < result.cols(); ++col) {
    for (Eigen::Index row = 0; row < result.rows(); ++row) {
      store(p.d_data, place(p.d, row, col), p.d.type, result(row, col));
    }
  }
}

}  // namespace

void multiply(const Product& product) {
  // A workspace that somebody else uses at the same time, or that is no workspace, shall show.
  if (product.workspace_used > 0) std::memset(product.workspace, 0xff, product.workspace_used);
  if (product.how.scale_type == CUDA_R_64F) {
    multiply_in<double>(product);
  } else {
    multiply_in<float>(product);
  }
}

}  // namespace pretended_gpu
