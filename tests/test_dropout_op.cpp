// Dropout: the mask belongs to the whole output, not to the matrix at hand.
#include <cmath>
#include <limits>

#include "bits.hpp"
#include "colonnade/device_array.hpp"
#include "colonnade/ops.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;
using harness::same_bits;
using harness::Threads;

namespace {

const KeyedRandom keyed(7, "dropout.test");

Tensor ones(Index rows, Index cols) {
  Tensor matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = 1;
  return matrix;
}

}  // namespace

TEST_CASE("dropout keeps what its table of random words says") {
  const Index rows = 22, cols = 5, first_row = 3, first_col = 1000;
  Tensor y = ones(rows, cols);
  dropout_forward({keyed, 0.3, first_row, first_col}, y, {});
  for (Index j = 0; j < cols; ++j) {
    for (Index i = 0; i < rows; ++i) {
      const auto row = static_cast<std::uint64_t>(first_row + i);
      const auto col = static_cast<std::uint64_t>(first_col + j);
      const auto word = keyed.words32((col << 40) + row / 4)[row % 4];
      const bool dropped = static_cast<double>(word) < 0.3 * 4294967296.0;
      CHECK(y(i, j) == (dropped ? 0 : static_cast<Scalar>(1 / 0.7)));
    }
  }
}

TEST_CASE("dropout's step may be a number in device memory") {
  const std::uint64_t number = 0x1234567890;
  const Tensor before = random_matrix(301, 20, "y");
  Tensor want = before.clone(), got = before.clone();
  dropout_forward({keyed.at(number), 0.4, 2, 3}, want, {});
  const DeviceArray<std::uint64_t> step(std::span(&number, 1));
  dropout_forward({keyed, 0.4, 2, 3, step.span().data()}, got, {});
  CHECK(same_bits(got, want));
  CHECK_FALSE(same_bits(got, before));
}

TEST_CASE("a dropout mask does not depend on where the matrix at hand begins") {
  const Tensor before = random_matrix(301, 200, "y");
  Tensor whole = before.clone();
  dropout_forward({keyed, 0.4, 0, 0}, whole, {});
  for (const Range rows :
       {Range{0, 300}, Range{1, 8}, Range{2, 3}, Range{3, 301}, Range{150, 275}}) {
    for (const Range cols : {Range{0, 200}, Range{17, 18}, Range{101, 199}}) {
      const Threads threads(static_cast<int>(cols.end % 3) + 1);
      Tensor part(rows.size(), cols.size()), want(rows.size(), cols.size());
      for (Index j = 0; j < part.cols(); ++j) {
        for (Index i = 0; i < part.rows(); ++i) {
          part(i, j) = before(rows.begin + i, cols.begin + j);
          want(i, j) = whole(rows.begin + i, cols.begin + j);
        }
      }
      dropout_forward({keyed, 0.4, rows.begin, cols.begin}, part, {});
      CHECK(same_bits(part, want));
    }
  }
}

TEST_CASE("dropout keeps its share, and the mean of what it keeps") {
  const Index rows = 1000, cols = 200;
  for (const double rate : {0.1, 0.5, 0.9}) {
    Tensor y = ones(rows, cols);
    dropout_forward({keyed, rate, 0, 0}, y, {});
    double kept = 0, sum = 0;
    for (Index i = 0; i < y.size(); ++i) {
      kept += y.data()[i] != 0;
      sum += double{y.data()[i]};
    }
    const auto count = static_cast<double>(y.size());
    // Four standard deviations of the share of as many independent draws.
    const double tolerance = 4 * std::sqrt(rate * (1 - rate) / count);
    CHECK(std::abs(kept / count - (1 - rate)) <= tolerance);
    CHECK(std::abs(sum / count - 1) <= tolerance / (1 - rate) + 1e-6);
  }
}

TEST_CASE("dropout at rate 0 changes nothing, and no other mask is the same") {
  const Tensor before = random_matrix(13, 7, "y");
  Tensor y = before.clone();
  dropout_forward({keyed, 0, 0, 0}, y, {});
  CHECK(same_bits(y, before));
  Tensor other = before.clone(), again = before.clone();
  dropout_forward({keyed, 0.5, 0, 0}, y, {});
  dropout_forward({KeyedRandom(8, "dropout.test"), 0.5, 0, 0}, other, {});
  dropout_forward({KeyedRandom(7, "dropout.test"), 0.5, 0, 0}, again, {});
  CHECK_FALSE(same_bits(y, other));
  CHECK(same_bits(y, again));
}

TEST_CASE("what dropout drops is zero, whatever it was") {
  Tensor y(400, 1);
  for (Index i = 0; i < y.size(); ++i) y.data()[i] = std::numeric_limits<Scalar>::infinity();
  dropout_forward({keyed, 0.5, 0, 0}, y, {});
  for (Index i = 0; i < y.size(); ++i) CHECK((y.data()[i] == 0 || std::isinf(y.data()[i])));
}

TEST_CASE("dropout refuses a rate that is none, and a derivative of another shape") {
  Tensor y = ones(3, 4), derivative = ones(4, 3);
  for (const double rate : {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(harness::error_of([&] { dropout_forward({keyed, rate, 0, 0}, y, {}); }) != "");
  }
  CHECK(harness::error_of([&] { dropout_forward({keyed, 0.5, 0, 0}, y, derivative); }) != "");
}

TEST_CASE("the derivative is dropped where the output is, and scaled alike") {
  Tensor y = ones(61, 9), derivative = ones(61, 9);
  dropout_forward({keyed, 0.25, 5, 2}, y, derivative);
  CHECK(same_bits(y, derivative));
}

#ifdef COLONNADE_DOUBLE

TEST_CASE("a dropped activation's backward is the gradient of its forward") {
  const DropoutMask mask{keyed, 0.4, 6, 3};
  Tensor z = random_matrix(11, 5, "z");
  const Tensor dy = random_matrix(11, 5, "dy");
  const auto loss = [&] {
    Tensor scratch = z.clone(), y(11, 5);
    activation_forward(Activation::gelu_tanh, {}, scratch, y);
    dropout_forward(mask, y, {});
    return harness::dot(y, dy);
  };
  Tensor dz = z.clone(), y(11, 5);
  activation_forward(Activation::gelu_tanh, {}, dz, y);
  dropout_forward(mask, y, dz);
  activation_backward(dy, dz, {});
  CHECK_GRADIENT(dz, numerical_gradient(z, loss));
}

#endif
