// Every op against plain loops, and every backward against central differences of its forward. This
// is what a backend must pass. Sizes are odd and prime, so that no shape passes for another.
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/ops.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::distance;
using harness::dot;
using harness::random_matrix;
using harness::same_bits;

namespace {

constexpr Activation activations[] = {Activation::identity, Activation::relu, Activation::gelu_tanh,
                                      Activation::gelu_erf};

/// a b with plain loops, summed in double; a or b read transposed where asked for.
Tensor product(ConstMatrixView a, bool a_transposed, ConstMatrixView b, bool b_transposed) {
  const Index n = a_transposed ? a.cols : a.rows;
  const Index k = a_transposed ? a.rows : a.cols;
  const Index m = b_transposed ? b.rows : b.cols;
  Tensor c(n, m);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < m; ++j) {
      double sum = 0;
      for (Index l = 0; l < k; ++l) {
        const double left = a_transposed ? a.data[i * a.rows + l] : a.data[l * a.rows + i];
        const double right = b_transposed ? b.data[l * b.rows + j] : b.data[j * b.rows + l];
        sum += left * right;
      }
      c(i, j) = static_cast<Scalar>(sum);
    }
  }
  return c;
}

/// s(z) from its definition, with the standard library in double.
double activation_value(Activation activation, double z) {
  switch (activation) {
    case Activation::identity:
      return z;
    case Activation::relu:
      return z > 0 ? z : 0;
    case Activation::gelu_tanh:
      return z / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (z + 0.044715 * z * z * z)));
    case Activation::gelu_erf:
      return z / 2 * (1 + std::erf(z / std::numbers::sqrt2));
  }
  return 0;
}

}  // namespace

TEST_CASE("linear forward and backward are the three products") {
  for (const auto [n, k, m] :
       {std::array<Index, 3>{1, 1, 1}, {2, 32, 16}, {7, 13, 5}, {61, 3, 97}}) {
    const Tensor x = random_matrix(n, k, "x");
    const Tensor w = random_matrix(k, m, "w");
    const Tensor dz = random_matrix(n, m, "dz");
    Tensor z(n, m), dx(n, k);
    linear_forward(x, w, z);
    linear_backward_input(dz, w, dx);
    CHECK(distance(z, product(x, false, w, false)) <= harness::rounding);
    CHECK(distance(dx, product(dz, false, w, true)) <= harness::rounding);
    const Range part = shard_range(k, 2, 1);
    Tensor dx_part(n, part.size());
    linear_backward_input_part(dz, w, part.begin, dx_part);
    CHECK(distance(dx_part, Tensor::copy_of(dx.columns(part))) <= harness::rounding);

    Tensor dw = random_matrix(k, m, "dw before");
    Tensor want = product(x, true, dz, false);
    for (Index i = 0; i < want.size(); ++i) want.data()[i] += dw.data()[i];
    linear_backward_weight(x, dz, dw);
    CHECK_MESSAGE(distance(dw, want) <= harness::rounding, "the gradient is added to");
  }
}

TEST_CASE("products refuse shapes that don't fit and name them") {
  Tensor x(3, 4), w(5, 2), z(3, 2);
  const std::string error = harness::error_of([&] { linear_forward(x, w, z); });
  CHECK(error.find("w [k, m]") != std::string::npos);
  CHECK(error.find("wanted [4, any], found [5, 2]") != std::string::npos);
  CHECK(harness::error_of([&] { linear_backward_input(z, w, x); }) != "");
  CHECK(harness::error_of([&] { linear_backward_weight(x, z, w); }) != "");
  Tensor dx_part(3, 2);
  CHECK(harness::error_of([&] {
          linear_backward_input_part(z, w, 4, dx_part);
        }).find("found 4 to 6") != std::string::npos);
  CHECK(harness::error_of([&] { linear_backward_input_part(z, w, -1, dx_part); }) != "");
}

TEST_CASE("activations match their definitions, with a bias and without") {
  // 1031 rows: more than two chunks of a column, and a last one that is no multiple of a vector.
  const Tensor before = random_matrix(1031, 3, "z");
  const Tensor bias = random_matrix(1, 3, "bias");
  for (const Activation activation : activations) {
    for (const bool with_bias : {false, true}) {
      CAPTURE(to_string(activation));
      Tensor z = before.clone();
      Tensor y(z.rows(), z.cols()), want(z.rows(), z.cols());
      activation_forward(activation, with_bias ? ConstMatrixView(bias) : ConstMatrixView{}, z, y);
      for (Index j = 0; j < z.cols(); ++j) {
        for (Index i = 0; i < z.rows(); ++i) {
          const double shifted = double{before(i, j)} + (with_bias ? double{bias(0, j)} : 0);
          want(i, j) = static_cast<Scalar>(activation_value(activation, shifted));
        }
      }
      CHECK(distance(y, want) <= 16 * harness::epsilon);
    }
  }
}

TEST_CASE("product, bias and activation at once are the ops that they are made of, to the bit") {
  for (const auto& size : {std::array<Index, 3>{1, 1, 1}, {7, 13, 5}, {131, 6, 9}, {0, 4, 3}}) {
    const Index n = size[0], k = size[1], m = size[2];  // clang 14 cannot capture bindings
    const Tensor x = random_matrix(n, k, "x"), w = random_matrix(k, m, "w");
    const Tensor some_bias = random_matrix(1, m, "bias"), dy = random_matrix(n, m, "dy");
    for (const Activation activation : activations) {
      for (const bool with_bias : {false, true}) {
        CAPTURE(to_string(activation));
        CAPTURE(with_bias);
        CAPTURE(n);
        const ConstMatrixView bias = with_bias ? ConstMatrixView(some_bias) : ConstMatrixView{};
        Tensor z(n, m), y(n, m), db = random_matrix(1, m, "db before");
        linear_forward(x, w, z);
        activation_forward(activation, bias, z, y);
        Tensor fused_z(n, m), fused_y(n, m), fused_db = db.clone();
        linear_activation_forward(activation, x, w, bias, fused_z, fused_y);
        CHECK(same_bits(fused_y, y));

        activation_backward(dy, z, with_bias ? MatrixView(db) : MatrixView{});
        linear_activation_backward(activation, bias, dy, fused_z,
                                   with_bias ? MatrixView(fused_db) : MatrixView{});
        CHECK(same_bits(fused_z, z));
        CHECK(same_bits(fused_db, db));
      }
    }
  }
}

TEST_CASE("product, bias and activation at once refuse shapes that don't fit and name them") {
  Tensor x(3, 4), w(4, 2), bias(1, 2), z(3, 2), y(3, 2), other(2, 2);
  const auto forward = [&](ConstMatrixView used_w, ConstMatrixView used_bias, MatrixView used_z,
                           MatrixView used_y) {
    return harness::error_of(
        [&] { linear_activation_forward(Activation::relu, x, used_w, used_bias, used_z, used_y); });
  };
  CHECK(forward(w, bias, z, y) == "");
  CHECK(forward(other, bias, z, y).find("w [k, m]") != std::string::npos);
  CHECK(forward(w, other, z, y).find("bias [1, m]") != std::string::npos);
  CHECK(forward(w, bias, other, y).find("z [n, m]") != std::string::npos);
  CHECK(forward(w, bias, z, other).find("y [n, m]") != std::string::npos);
  const auto backward = [&](ConstMatrixView used_bias, MatrixView used_z, MatrixView db) {
    return harness::error_of(
        [&] { linear_activation_backward(Activation::relu, used_bias, y, used_z, db); });
  };
  CHECK(backward(other, z, bias).find("bias [1, m]") != std::string::npos);
  CHECK(backward(bias, other, bias).find("z [n, m]") != std::string::npos);
  CHECK(backward(bias, z, other).find("db [1, m]") != std::string::npos);
}

TEST_CASE("activations are stable far from zero") {
  const Scalar beyond_its_root = std::sqrt(std::numeric_limits<Scalar>::max()) * 4;
  for (const Activation activation : activations) {
    for (const Scalar far : {Scalar{1000}, beyond_its_root}) {
      CAPTURE(to_string(activation));
      Tensor z(1, 2), y(1, 2);
      z(0, 0) = far;
      z(0, 1) = -far;
      activation_forward(activation, {}, z, y);
      CHECK(y(0, 0) == far);
      CHECK(std::abs(y(0, 1)) == (activation == Activation::identity ? far : 0));
      Tensor dy = random_matrix(1, 2, "dy");
      activation_backward(dy, z, {});
      CHECK(z(0, 0) == dy(0, 0));
      CHECK(z(0, 1) == (activation == Activation::identity ? dy(0, 1) : 0));
    }
  }
}

TEST_CASE("relu at exactly zero is 0 and so is its derivative") {
  // Random numbers never hit it. Two columns: zero by itself, and by its bias; 37 rows are several
  // vectors and a rest.
  Tensor z = Tensor::zeros(37, 2), y(37, 2), bias = Tensor::zeros(1, 2);
  for (Index i = 0; i < z.rows(); ++i) z(i, 1) = -1.5;
  bias(0, 1) = 1.5;
  activation_forward(Activation::relu, bias, z, y);
  activation_backward(random_matrix(37, 2, "dy"), z, {});
  for (Index i = 0; i < z.size(); ++i) {
    CHECK(y.data()[i] == 0);
    CHECK(z.data()[i] == 0);
  }
}

TEST_CASE("bias gradients are added to") {
  const Tensor dy = random_matrix(7, 3, "dy");
  Tensor z = Tensor::zeros(7, 3), y(7, 3), db(1, 3);
  for (Index j = 0; j < 3; ++j) db(0, j) = 100;
  activation_forward(Activation::identity, {}, z, y);  // z: the derivative, 1
  activation_backward(dy, z, db);
  bias_backward(dy, db);
  for (Index j = 0; j < 3; ++j) {
    double want = 100;
    for (Index i = 0; i < 7; ++i) want += 2 * double{dy(i, j)};
    CHECK(std::abs(db(0, j) - want) <= 100 * harness::rounding);
  }
}

TEST_CASE("squared error and its gradient match plain loops") {
  const Tensor y = random_matrix(601, 3, "y");
  const Tensor t = random_matrix(601, 3, "t");
  Tensor dy(601, 3), want_dy(601, 3);
  double want = 0;
  for (Index i = 0; i < y.size(); ++i) {
    const double difference = double{y.data()[i]} - double{t.data()[i]};
    want += difference * difference;
    want_dy.data()[i] = static_cast<Scalar>(0.25 * 2 * difference);
  }
  CHECK(std::abs(squared_error_forward(y, t) - want) <= want * harness::rounding);
  squared_error_backward(y, t, 0.25, dy);
  CHECK(distance(dy, want_dy) <= 4 * harness::epsilon);
}

TEST_CASE("AdamW matches its formula element by element, three steps long") {
  const Index size = 1031;  // chunks and a rest
  Tensor w = random_matrix(size, 1, "w"), m = Tensor::zeros(size, 1), v = Tensor::zeros(size, 1);
  std::vector<double> w2(w.data(), w.data() + size), m2(w2.size()), v2(w2.size());
  for (int t = 1; t <= 3; ++t) {
    const Tensor g = random_matrix(size, 1, "g" + std::to_string(t));
    const double lr = 0.01, b1 = 0.9, b2 = 0.99, eps = 1e-6, wd = 0.1;
    adamw_update({lr, b1, b2, eps, wd, 1 - std::pow(b1, t), 1 - std::pow(b2, t)}, g, w, m, v);
    for (std::size_t i = 0; i < w2.size(); ++i) {
      const double gi = g.data()[i];
      m2[i] = b1 * m2[i] + (1 - b1) * gi;
      v2[i] = b2 * v2[i] + (1 - b2) * gi * gi;
      w2[i] = w2[i] * (1 - lr * wd) - lr * (m2[i] / (1 - std::pow(b1, t))) /
                                          (std::sqrt(v2[i] / (1 - std::pow(b2, t))) + eps);
    }
  }
  double worst = 0;
  for (std::size_t i = 0; i < w2.size(); ++i) {
    worst = std::max(worst, std::abs(double{w.data()[i]} - w2[i]));
  }
  CHECK(worst <= 64 * harness::epsilon);
}

#ifdef COLONNADE_DOUBLE

// Central differences need double. A scalar loss is made of each op by a fixed weight for every
// output, so that a wrong sign or a transposition shows.

TEST_CASE("linear backward is the gradient of linear forward") {
  Tensor x = random_matrix(3, 5, "x"), w = random_matrix(5, 7, "w");
  const Tensor dz = random_matrix(3, 7, "dz");
  const auto loss = [&] {
    Tensor z(3, 7);
    linear_forward(x, w, z);
    return dot(z, dz);
  };
  Tensor dx(3, 5), dw = Tensor::zeros(5, 7);
  linear_backward_input(dz, w, dx);
  linear_backward_weight(x, dz, dw);
  CHECK_GRADIENT(dx, numerical_gradient(x, loss));
  CHECK_GRADIENT(dw, numerical_gradient(w, loss));
}

TEST_CASE("activation backward is the gradient of activation forward") {
  for (const Activation activation : activations) {
    CAPTURE(to_string(activation));
    Tensor z = random_matrix(11, 5, "z"), bias = random_matrix(1, 5, "bias");
    const Tensor dy = random_matrix(11, 5, "dy");
    const auto loss = [&] {
      Tensor scratch = z.clone(), y(11, 5);
      activation_forward(activation, bias, scratch, y);
      return dot(y, dy);
    };
    Tensor dz = z.clone(), y(11, 5), db = Tensor::zeros(1, 5);
    activation_forward(activation, bias, dz, y);
    activation_backward(dy, dz, db);
    CHECK_GRADIENT(dz, numerical_gradient(z, loss));
    CHECK_GRADIENT(db, numerical_gradient(bias, loss));
  }
}

TEST_CASE("the backward of product and activation at once is the gradient of their forward") {
  for (const Activation activation : activations) {
    CAPTURE(to_string(activation));
    Tensor w = random_matrix(5, 7, "w"), bias = random_matrix(1, 7, "bias");
    const Tensor x = random_matrix(3, 5, "x"), dy = random_matrix(3, 7, "dy");
    const auto loss = [&] {
      Tensor z(3, 7), y(3, 7);
      linear_activation_forward(activation, x, w, bias, z, y);
      return dot(y, dy);
    };
    Tensor dz(3, 7), y(3, 7), db = Tensor::zeros(1, 7), dw = Tensor::zeros(5, 7);
    linear_activation_forward(activation, x, w, bias, dz, y);
    linear_activation_backward(activation, bias, dy, dz, db);
    linear_backward_weight(x, dz, dw);
    CHECK_GRADIENT(dw, numerical_gradient(w, loss));
    CHECK_GRADIENT(db, numerical_gradient(bias, loss));
  }
}

TEST_CASE("squared error backward is the gradient of squared error forward") {
  Tensor y = random_matrix(5, 3, "y");
  const Tensor t = random_matrix(5, 3, "t");
  Tensor dy(5, 3);
  squared_error_backward(y, t, 0.5, dy);
  CHECK_GRADIENT(dy, numerical_gradient(y, [&] { return 0.5 * squared_error_forward(y, t); }));
}

#endif
