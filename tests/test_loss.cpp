// Mean-square loss: its value, its gradient, and that the gradient's scale is the global one.
#include "colonnade/loss.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

TEST_CASE("the loss is the mean over all elements") {
  Tensor y(2, 3), t = Tensor::zeros(2, 3);
  for (Index i = 0; i < 6; ++i) y.data()[i] = static_cast<Scalar>(i);
  CHECK(MeanSquare::forward(y, t) == 55.0 / 6);
  CHECK(MeanSquare::forward(y, y) == 0);
  CHECK(harness::error_of([&] { MeanSquare::forward(y, Tensor(3, 2)); }) != "");
}

TEST_CASE("own columns of the gradient don't depend on how it is cut") {
  const Tensor y = random_matrix(3, 7, "y"), t = random_matrix(3, 7, "t");
  const Tensor whole = MeanSquare::backward(y, t, {0, 7}, system_memory());
  for (Index parts = 2; parts <= 5; ++parts) {
    for (Index part = 0; part < parts; ++part) {
      const Range own = shard_range(7, parts, part);
      const Tensor columns = MeanSquare::backward(y, t, own, system_memory());
      CHECK(harness::distance(columns, whole.columns(own)) == 0);
    }
  }
}

#ifdef COLONNADE_DOUBLE

TEST_CASE("the loss's backward is the gradient of its forward") {
  Tensor y = random_matrix(5, 3, "y");
  const Tensor t = random_matrix(5, 3, "t");
  CHECK_GRADIENT(MeanSquare::backward(y, t, {0, 3}, system_memory()),
                 numerical_gradient(y, [&] { return MeanSquare::forward(y, t); }));
}

#endif
