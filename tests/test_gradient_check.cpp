// The checker itself: what it must accept, and all that it must not.
#include <cmath>
#include <limits>
#include <string>

#include "colonnade/gradient_check.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

TEST_CASE("equal gradients have no error, scaled ones have the scale's") {
  const Tensor want = random_matrix(5, 3, "want");
  CHECK(gradient_error(want, want).relative == 0);
  for (const double factor : {0.5, -1.0, 1.01}) {
    Tensor got = want.clone();
    for (Index i = 0; i < got.size(); ++i) got.data()[i] *= static_cast<Scalar>(factor);
    const double error = gradient_error(got, want).relative;
    CHECK(std::abs(error - std::abs(factor - 1)) < 100 * harness::epsilon);
  }
}

TEST_CASE("the error names the element that is farthest off") {
  const Tensor want = random_matrix(5, 3, "want");
  Tensor got = want.clone();
  got(3, 1) += 10;
  const GradientError error = gradient_error(got, want);
  CHECK(error.row == 3);
  CHECK(error.col == 1);
  CHECK(error.got == double{got(3, 1)});
  CHECK(error.text().find("at [3, 1]") != std::string::npos);
}

TEST_CASE("NaN on either side is never within a tolerance, wherever it stands") {
  const Scalar nan = std::numeric_limits<Scalar>::quiet_NaN();
  for (const Index at : {0, 7, 14}) {
    Tensor want = random_matrix(5, 3, "want");
    Tensor got = want.clone();
    got.data()[at] = nan;
    CHECK_FALSE(gradient_error(got, want).within(1e300));
    CHECK_FALSE(gradient_error(want, got).within(1e300));
    got.data()[(at + 1) % 15] = 1000;  // a larger difference elsewhere must not hide it
    CHECK_FALSE(gradient_error(got, want).within(1e300));
  }
}

TEST_CASE("a gradient that should be zero and isn't is infinitely wrong") {
  const Tensor zero = Tensor::zeros(2, 2);
  CHECK(gradient_error(zero, zero).relative == 0);
  CHECK_FALSE(gradient_error(random_matrix(2, 2, "got"), zero).within(1e300));
}

TEST_CASE("gradients of different shapes cannot be compared") {
  CHECK(harness::error_of([] { gradient_error(Tensor(2, 3), Tensor(3, 2)); }) != "");
}

TEST_CASE("a part of a tensor is judged by the scale of the whole") {
  Tensor want = Tensor::zeros(2, 2), got = Tensor::zeros(2, 2);
  want(0, 0) = 1;
  got(0, 0) = 2;
  CHECK(gradient_error(got, want).relative == 1);
  CHECK(gradient_error(got, want, 4).relative == 0.25);
  CHECK(gradient_error(got, want, 0.5).relative == 1);
}

RANKS_TEST_CASE("the largest error of all ranks is NaN if any is", "1-8") {
  const int last = world.size() - 1;
  CHECK(largest_error(world, world.rank() == last ? 0.5 : 0.25) == 0.5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(largest_error(world, world.rank() == last ? nan : 1)));
}

#ifdef COLONNADE_DOUBLE

TEST_CASE("central differences find the gradient of a known function and put x back") {
  Tensor x = random_matrix(4, 3, "x");
  const Tensor before = x.clone();
  // L = sum of sin(x_i) i, dL/dx_i = i cos(x_i)
  const auto loss = [&] {
    double sum = 0;
    for (Index i = 0; i < x.size(); ++i) sum += static_cast<double>(i) * std::sin(x.data()[i]);
    return sum;
  };
  const Tensor gradient = numerical_gradient(x, loss);
  Tensor want(4, 3);
  for (Index i = 0; i < x.size(); ++i) {
    want.data()[i] = static_cast<double>(i) * std::cos(x.data()[i]);
    CHECK(x.data()[i] == before.data()[i]);
  }
  // The comment of gradient_check.hpp derives 4e-11 times the size of L and L'''.
  CHECK(gradient_error(gradient, want).relative < 1e-9);
}

RANKS_TEST_CASE("ranks take turns over shards of different sizes", "1-8") {
  // L = sum over ranks of (rank + 1) times the sum of squares of the rank's own elements.
  Tensor x = random_matrix(1, 2 + world.rank(), "x");
  const auto loss = [&] { return world.all_reduce((world.rank() + 1) * harness::dot(x, x)); };
  const Tensor gradient = numerical_gradient(world, x, loss);
  Tensor want(1, x.cols());
  for (Index i = 0; i < x.size(); ++i) want.data()[i] = 2 * (world.rank() + 1) * x.data()[i];
  CHECK_GRADIENT(gradient, want);
}

#endif
