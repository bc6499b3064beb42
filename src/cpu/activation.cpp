// Bias, activation and derivative in one pass: each chunk is read once from memory and finished in
// the first cache. The derivative takes the place of the pre-activation.
#include <cmath>
#include <numbers>
#include <unsupported/Eigen/SpecialFunctions>

#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "cpu/sums.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr Scalar sqrt_2_over_pi = static_cast<Scalar>(0.79788456080286535588);
constexpr Scalar cubic = static_cast<Scalar>(0.044715);

/// y = s(z), z = s'(z), for one chunk of pre-activations.
void activate(Activation activation, Chunk& z, Chunk& y) {
  switch (activation) {
    case Activation::identity:
      y = z;
      z.setOnes();
      return;
    case Activation::relu:
      y = z.max(Scalar{0});
      z = (z > Scalar{0}).select(Chunk::Ones(z.size()), Chunk::Zero(z.size()));
      return;
    case Activation::gelu_tanh: {
      // Beyond 20 the tanh is 1 to the last bit of a double; the square of a large z would
      // overflow.
      const Chunk c = z.max(Scalar{-20}).min(Scalar{20});
      const Chunk t = (sqrt_2_over_pi * c * (1 + cubic * c.square())).tanh();
      y = Scalar{0.5} * z * (1 + t);
      z = Scalar{0.5} * (1 + t) +
          Scalar{0.5} * c * (1 - t.square()) * sqrt_2_over_pi * (1 + 3 * cubic * c.square());
      return;
    }
    case Activation::gelu_erf: {
      constexpr Scalar sqrt_half = static_cast<Scalar>(1 / std::numbers::sqrt2);
      constexpr Scalar density_at_0 =
          static_cast<Scalar>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
      const Chunk distribution = Scalar{0.5} * (1 + (z * sqrt_half).erf());
      y = z * distribution;
      // Eigen's exp never falls below about 1e-308, its square does: s' far below zero is 0.
      const Chunk root = (Scalar{-0.25} * z.square()).exp();
      z = distribution + z * density_at_0 * root.square();
      return;
    }
  }
}

/// Adds each column's bias to elements [begin, begin + count) of a matrix with `rows` rows.
void add_bias(ConstMatrixView bias, Index rows, Index begin, Index count, Scalar* elements) {
  Index column = begin / rows;
  for (Index i = 0; i < count; ++column) {
    const Index end = std::min(count, (column + 1) * rows - begin);
    for (; i < end; ++i) elements[i] += bias.data[column];
  }
}

Scalar column_sum(const Scalar* column, Index rows) {
  return sum_in_lanes<Scalar>(rows, [=](Index i) { return column[i]; });
}

}  // namespace

void activation_forward(Activation activation, ConstMatrixView bias, MatrixView z, MatrixView y) {
  check_activation_forward(bias, z, y);
  for_each_chunk(z.size(), [=](Index begin, Index count) {
    Chunk chunk = load_chunk(z.data + begin, count);
    if (bias.size() > 0) add_bias(bias, z.rows, begin, count, chunk.data());
    Chunk out(chunk.size());
    activate(activation, chunk, out);
    store_chunk(chunk, z.data + begin, count);
    store_chunk(out, y.data + begin, count);
  });
}

void activation_backward(ConstMatrixView dy, MatrixView derivative, MatrixView db) {
  check_activation_backward(dy, derivative, db);
  for_each_column(dy, [=](Index column) {
    Scalar* const dz = derivative.data + column * dy.rows;
    array(dz, dy.rows) *= array(dy.data + column * dy.rows, dy.rows);
    if (db.size() > 0) db.data[column] += column_sum(dz, dy.rows);
  });
}

void bias_forward(ConstMatrixView bias, MatrixView y) {
  check_bias_forward(bias, y);
  if (bias.size() == 0) return;
  for_each_column(
      y, [=](Index column) { array(y.data + column * y.rows, y.rows) += bias.data[column]; });
}

void bias_backward(ConstMatrixView dy, MatrixView db) {
  check_bias_backward(dy, db);
  if (db.size() == 0) return;
  for_each_column(dy, [=](Index column) {
    db.data[column] += column_sum(dy.data + column * dy.rows, dy.rows);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
