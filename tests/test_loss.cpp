// The losses over outputs that ranks share: values against plain loops, gradients against central
// differences over all ranks, and the same for every number of them.
#include "colonnade/loss.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::distance;
using harness::random_matrix;

namespace {

constexpr Index rows = 5, classes = 11;

/// Where y is whole on every rank and dy is cut, as after a gathering layer.
OutputColumns gathered(const ProcessGroup& group, Index columns) {
  return {.total = columns,
          .y = {0, columns},
          .dy = Sharding(columns, group.size(), "columns").range(group.rank())};
}

OutputColumns sharded(const ProcessGroup& group, Index shards = 0) {
  const Sharding cut(classes, group.size(), shards, "classes");
  const Range own = cut.range(group.rank());
  return {.total = classes,
          .y = own,
          .dy = own,
          .shards = shards > 0 ? cut.shards_of(group.rank()) : std::vector<Range>{}};
}

Tensor one_hot_rows() {
  Tensor t = Tensor::zeros(rows, classes);
  for (Index i = 0; i < rows; ++i) t(i, (7 * i + 3) % classes) = 1;
  return t;
}

/// -(1 / n) sum q log softmax(y), from the definition.
double plain_cross_entropy(const Tensor& y, const Tensor& t, double smoothing) {
  double loss = 0;
  for (Index i = 0; i < y.rows(); ++i) {
    double largest = y(i, 0), sum = 0;
    for (Index j = 0; j < y.cols(); ++j) largest = std::max(largest, double{y(i, j)});
    for (Index j = 0; j < y.cols(); ++j) sum += std::exp(y(i, j) - largest);
    for (Index j = 0; j < y.cols(); ++j) {
      const double q = (1 - smoothing) * t(i, j) + smoothing / static_cast<double>(y.cols());
      loss -= q * (y(i, j) - largest - std::log(sum));
    }
  }
  return loss / static_cast<double>(y.rows());
}

double value_of(const Loss& loss, const Tensor& y, const Tensor& t) {
  return loss.mean(loss.forward(y.clone(), t).sum, y.rows());
}

Tensor gradient_of(const Loss& loss, const Tensor& y, const Tensor& t) {
  return loss.backward(loss.forward(y.clone(), t).cache, t, y.rows());
}

}  // namespace

TEST_CASE("mean square is the mean over all elements") {
  ProcessGroup alone = ProcessGroup::self();
  const MeanSquare loss(alone, gathered(alone, 3));
  Tensor y(2, 3), t = Tensor::zeros(2, 3);
  for (Index i = 0; i < 6; ++i) y.data()[i] = static_cast<Scalar>(i);
  CHECK(value_of(loss, y, t) == 55.0 / 6);
  CHECK(value_of(loss, y, y) == 0);
  CHECK(harness::error_of([&] { loss.forward(y.clone(), Tensor(3, 2)); }) != "");
  // Half of a batch: its sum counts towards the mean of all 4 rows.
  CHECK(loss.mean(loss.forward(y.clone(), t).sum, 4) == 55.0 / 12);
}

RANKS_TEST_CASE("mean square's own columns don't depend on how the gradient is cut", "1-8") {
  ProcessGroup alone = ProcessGroup::self();
  const Tensor y = random_matrix(rows, classes, "y"), t = random_matrix(rows, classes, "t");
  const OutputColumns columns = gathered(world, classes);
  const Tensor whole = gradient_of(MeanSquare(alone, gathered(alone, classes)), y, t);
  const Tensor own = gradient_of(MeanSquare(world, columns), y, t);
  CHECK(distance(own, whole.columns(columns.dy)) == 0);
}

RANKS_TEST_CASE("cross-entropy over sharded classes is that of its definition", "1-8") {
  const OutputColumns columns = sharded(world);
  const Tensor y = random_matrix(rows, classes, "y"), t = one_hot_rows();
  for (const double smoothing : {0.0, 0.1}) {
    const CrossEntropy loss(world, columns, smoothing, false);
    const double want = plain_cross_entropy(y, t, smoothing);
    CHECK(std::abs(value_of(loss, Tensor::copy_of(y.columns(columns.y)), t) - want) <=
          harness::rounding * want);
  }
}

RANKS_TEST_CASE("cross-entropy is stable for logits of +-1e4", "1-8") {
  const OutputColumns columns = sharded(world);
  Tensor y = random_matrix(rows, classes, "y");
  const Tensor t = one_hot_rows();
  for (Index i = 0; i < y.size(); ++i) y.data()[i] = y.data()[i] > 0 ? 1e4 : -1e4;
  const CrossEntropy loss(world, columns, 0.1, false);
  const double want = plain_cross_entropy(y, t, 0.1);
  const Tensor own = Tensor::copy_of(y.columns(columns.y));
  CHECK(std::abs(value_of(loss, own, t) - want) <= harness::rounding * want);
  const Tensor dy = gradient_of(loss, own, t);
  for (Index i = 0; i < dy.size(); ++i) CHECK(std::abs(dy.data()[i]) <= 1);
}

RANKS_TEST_CASE("in exact mode cross-entropy has the same bits on 1, 2, 4 and 8 ranks", "1 2 4 8") {
  ProcessGroup alone = ProcessGroup::self();
  const Tensor y = random_matrix(rows, classes, "y"), t = one_hot_rows();
  const OutputColumns columns = sharded(world, 8);
  const CrossEntropy loss(world, columns, 0.1, true), whole(alone, sharded(alone, 8), 0.1, true);
  const Tensor own = Tensor::copy_of(y.columns(columns.y));
  CHECK(value_of(loss, own, t) == value_of(whole, y, t));
  const Tensor want = gradient_of(whole, y, t), got = gradient_of(loss, own, t);
  for (Index i = 0; i < got.size(); ++i) CHECK(got.data()[i] == want.columns(columns.y).data[i]);
}

RANKS_TEST_CASE("cross-entropy refuses an output that every rank has", "2 3") {
  const OutputColumns whole = {.total = 4, .y = {0, 4}, .dy = {0, 4}};
  CHECK(harness::error_of([&] { CrossEntropy loss(world, whole, 0, false); }).find("own columns") !=
        std::string::npos);
}

TEST_CASE("a loss refuses an output that it cannot use") {
  ProcessGroup alone = ProcessGroup::self();
  const OutputColumns half = {.total = 4, .y = {0, 2}, .dy = {0, 2}};
  CHECK(harness::error_of([&] { MeanSquare loss(alone, half); }).find("whole output") !=
        std::string::npos);
  const OutputColumns whole = {.total = 4, .y = {0, 4}, .dy = {0, 2}};
  CHECK(harness::error_of([&] { CrossEntropy loss(alone, whole, 0, false); }).find("own columns") !=
        std::string::npos);
  CHECK(loss_from("cross-entropy") == LossKind::cross_entropy);
  CHECK(to_string(LossKind::mean_square) == "mean-square");
  CHECK(harness::error_of([] { loss_from("hinge"); }).find("found 'hinge'") != std::string::npos);
}

#ifdef COLONNADE_DOUBLE

RANKS_TEST_CASE("mean square's backward is the gradient of its forward", "1-8") {
  Tensor y = random_matrix(rows, classes, "y");
  const Tensor t = random_matrix(rows, classes, "t");
  const OutputColumns columns = gathered(world, classes);
  const MeanSquare loss(world, columns);
  // y is one tensor with a copy on every rank, so all ranks change it together.
  const Tensor want = numerical_gradient(y, [&] { return value_of(loss, y, t); });
  CHECK_GRADIENT(gradient_of(loss, y, t), want.columns(columns.dy));
}

RANKS_TEST_CASE("cross-entropy's backward is the gradient of its forward", "1-8") {
  const OutputColumns columns = sharded(world);
  const Tensor y = random_matrix(rows, classes, "y"), t = one_hot_rows();
  for (const double smoothing : {0.0, 0.1}) {
    const CrossEntropy loss(world, columns, smoothing, false);
    Tensor own = Tensor::copy_of(y.columns(columns.y));
    CHECK_GRADIENT(gradient_of(loss, own, t),
                   numerical_gradient(world, own, [&] { return value_of(loss, own, t); }));
  }
}

#endif
