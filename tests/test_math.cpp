// What products are multiplied in: how many bits of a factor count in each of a GPU's ways, that
// the error is no larger than they allow, and that nothing else changes.
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/ops.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;
using harness::same_bits;

namespace {

/// Whether this build has more than one.
bool has_math() {
  return !harness::is_double && backend_description().starts_with("cuda");
}

/// Until the end of the scope.
class WithMath {
 public:
  explicit WithMath(Math wanted) { set_math(wanted); }
  ~WithMath() { set_math(Math::fp32); }
  WithMath(const WithMath&) = delete;
  WithMath& operator=(const WithMath&) = delete;
};

std::vector<Math> maths() {
  return has_math() ? std::vector{Math::fp32, Math::tf32, Math::bf16} : std::vector{Math::fp32};
}

/// Largest relative error of a factor. That of tf32 may be cut off instead of rounded.
double factor_error(Math math) {
  return math == Math::bf16 ? 0x1p-8 : math == Math::tf32 ? 0x1p-10 : 0;
}

Tensor filled(Index rows, Index cols, double value) {
  Tensor matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<Scalar>(value);
  return matrix;
}

Tensor absolute(const Tensor& matrix) {
  Tensor result = matrix.clone();
  for (Index i = 0; i < result.size(); ++i) result.data()[i] = std::abs(result.data()[i]);
  return result;
}

/// The three products of a layer; the weight's gradient is added to ones.
struct Products {
  Products(const Tensor& x, const Tensor& w, const Tensor& dz)
      : z(x.rows(), w.cols()), dx(x.rows(), w.rows()), dw(filled(w.rows(), w.cols(), 1)) {
    linear_forward(x, w, z);
    linear_backward_input(dz, w, dx);
    linear_backward_weight(x, dz, dw);
  }
  Tensor z, dx, dw;
};

/// Factors that are wrong by u make a product wrong by 2 u + u^2 of the sum of the absolute
/// products. The order of the sum, of `inner` terms and what it is added to, adds a rounding for
/// each on either side.
void check_error(const Tensor& got, const Tensor& want, const Tensor& absolute_products,
                 Index inner, Math math) {
  const double u = factor_error(math);
  const double error = 2 * u + u * u + 2 * static_cast<double>(inner + 1) * harness::epsilon;
  for (Index i = 0; i < got.size(); ++i) {
    CHECK(std::abs(double{got.data()[i]} - double{want.data()[i]}) <=
          error * double{absolute_products.data()[i]});
  }
}

}  // namespace

TEST_CASE("the ways to multiply have names") {
  for (const Math math : {Math::fp32, Math::tf32, Math::bf16}) {
    CHECK(math_from(to_string(math)) == math);
  }
  CHECK(harness::error_of([] { math_from("fp16"); }).find("fp32, tf32 or bf16") !=
        std::string::npos);
}

TEST_CASE("a build that has no other way to multiply refuses one") {
  CHECK(math() == Math::fp32);
  if (has_math()) {
    const WithMath bf16(Math::bf16);
    CHECK(math() == Math::bf16);
  } else {
    const std::string error = harness::error_of([] { set_math(Math::tf32); });
    CHECK(error.find("tf32") != std::string::npos);
    CHECK(error.find(harness::is_double && backend_description().starts_with("cuda")
                         ? "SCALAR=float"
                         : "BACKEND=cuda") != std::string::npos);
  }
  CHECK(math() == Math::fp32);
}

TEST_CASE("a factor has as many bits as its math says") {
  // Sums of four products of these numbers are floats.
  const auto product = [](double factor) {
    Tensor z(1, 1);
    linear_forward(filled(1, 4, factor), filled(4, 1, 1), z);
    return double{z(0, 0)} / 4;
  };
  for (const Math math : maths()) {
    CAPTURE(to_string(math));
    const WithMath with(math);
    const int bits = math == Math::bf16 ? 8 : math == Math::tf32 ? 11 : 22;
    const double last = std::ldexp(1.0, 1 - bits), beyond = last / 4;
    CHECK(product(1 + last) == 1 + last);
    if (math != Math::fp32) CHECK(product(1 + beyond) == 1);
  }
}

TEST_CASE("products are as wrong as their math allows at most") {
  for (const auto& size : {std::array<Index, 3>{1, 1, 1}, {7, 13, 5}, {61, 3, 97}, {64, 96, 32}}) {
    const Index n = size[0], k = size[1], m = size[2];  // clang 14 cannot capture bindings
    const Tensor x = random_matrix(n, k, "x"), w = random_matrix(k, m, "w"),
                 dz = random_matrix(n, m, "dz");
    const Products want(x, w, dz), bound(absolute(x), absolute(w), absolute(dz));
    for (const Math math : maths()) {
      CAPTURE(to_string(math));
      CAPTURE(n);
      const WithMath with(math);
      const Products got(x, w, dz);
      check_error(got.z, want.z, bound.z, k, math);
      check_error(got.dx, want.dx, bound.dx, m, math);
      check_error(got.dw, want.dw, bound.dw, n, math);
      const Range part = shard_range(k, 3, 1);
      Tensor dx_part(n, part.size());
      linear_backward_input_part(dz, w, part.begin, dx_part);
      check_error(dx_part, Tensor::copy_of(want.dx.columns(part)),
                  Tensor::copy_of(bound.dx.columns(part)), m, math);
    }
  }
}

TEST_CASE("exact products are the same in any math") {
  const Tensor x = random_matrix(5, 12, "x"), w = random_matrix(12, 7, "w");
  const std::vector<Range> shards = harness::run_of_shards(12, 4, 0, 4);
  Tensor want(5, 7);
  linear_forward(x, w, want, {WeightShards::Axis::inputs, shards});
  for (const Math math : maths()) {
    const WithMath with(math);
    Tensor z(5, 7);
    linear_forward(x, w, z, {WeightShards::Axis::inputs, shards});
    CHECK(same_bits(z, want));
  }
}

TEST_CASE("a product over nothing is zero, and one of no elements none") {
  for (const Math math : maths()) {
    const WithMath with(math);
    Tensor z = filled(3, 4, 7), dw = filled(3, 4, 7), none(0, 4);
    linear_forward(Tensor(3, 0), Tensor(0, 4), z);
    linear_backward_weight(Tensor(0, 3), none, dw);
    linear_forward(Tensor(0, 3), filled(3, 4, 1), none);
    CHECK(same_bits(z, filled(3, 4, 0)));
    CHECK(same_bits(dw, filled(3, 4, 7)));
  }
}
