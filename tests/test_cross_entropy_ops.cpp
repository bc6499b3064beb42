// The ops of cross-entropy over classes in shards: against plain loops, against central
// differences, and bit by bit for any cut of the same shards.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory_resource>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/device_memory.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::distance;
using harness::random_matrix;
using harness::same_bits;
using harness::Shifted;
using harness::Threads;

namespace {

/// Numbers where ops find them.
using Doubles = std::pmr::vector<double>;

Doubles doubles(Index count, double value = 0) {
  return Doubles(static_cast<std::size_t>(count), value, device_memory());
}

/// One-hot rows, every class in turn.
Tensor labels(Index n, Index classes) {
  Tensor t = Tensor::zeros(n, classes);
  for (Index i = 0; i < n; ++i) t(i, (3 * i + 1) % classes) = 1;
  return t;
}

/// Rows of positive numbers that sum to 1.
Tensor soft_targets(Index n, Index classes) {
  Tensor t = random_matrix(n, classes, "soft targets");
  for (Index i = 0; i < n; ++i) {
    double sum = 0;
    for (Index j = 0; j < classes; ++j) sum += std::abs(double{t(i, j)});
    for (Index j = 0; j < classes; ++j) t(i, j) = static_cast<Scalar>(std::abs(t(i, j)) / sum);
  }
  return t;
}

/// What a step over `parts` ranks does, with one shard of classes on each: the loss, the mean over
/// the rows, and its gradient.
struct Result {
  double loss = 0;
  Tensor dl;
};
Result cross_entropy(const Tensor& logits, const Tensor& t, double smoothing, Index parts) {
  const Index n = logits.rows(), classes = logits.cols();
  const auto rows = static_cast<std::size_t>(n);
  Doubles largest = doubles(n, -std::numeric_limits<double>::infinity());
  Doubles part_largest = doubles(n), sums = doubles(3 * n), part_sums = doubles(3 * n);
  Tensor e = logits.clone(), dl(n, classes);
  for (Index part = 0; part < parts; ++part) {
    row_largest(logits.columns(shard_range(classes, parts, part)), part_largest);
    for (std::size_t i = 0; i < rows; ++i) largest[i] = std::max(largest[i], part_largest[i]);
  }
  for (Index part = 0; part < parts; ++part) {
    const Range own = shard_range(classes, parts, part);
    cross_entropy_forward(e.columns(own), t.columns(own), largest, part_sums);
    for (std::size_t i = 0; i < 3 * rows; ++i) sums[i] += part_sums[i];
  }
  Result result;
  for (std::size_t i = 0; i < rows; ++i) {
    result.loss += (std::log(sums[i]) - (1 - smoothing) * sums[rows + i] -
                    smoothing / static_cast<double>(classes) * sums[2 * rows + i]) /
                   static_cast<double>(n);
  }
  for (Index part = 0; part < parts; ++part) {
    const Range own = shard_range(classes, parts, part);
    cross_entropy_backward(e.columns(own), t.columns(own), {sums.data(), rows}, smoothing, classes,
                           1 / static_cast<double>(n), dl.columns(own));
  }
  result.dl = std::move(dl);
  return result;
}

/// The same from the definition, - sum q log softmax(l), with plain loops in long double.
Result plain_cross_entropy(const Tensor& logits, const Tensor& t, double smoothing) {
  const Index n = logits.rows(), classes = logits.cols();
  const auto rows = static_cast<double>(n), count = static_cast<double>(classes);
  Result result{0, Tensor(n, classes)};
  for (Index i = 0; i < n; ++i) {
    long double largest = logits(i, 0), sum = 0;
    for (Index j = 1; j < classes; ++j) largest = std::max<long double>(largest, logits(i, j));
    for (Index j = 0; j < classes; ++j) sum += std::exp(logits(i, j) - largest);
    for (Index j = 0; j < classes; ++j) {
      const long double log_p = logits(i, j) - largest - std::log(sum);
      const double q = (1 - smoothing) * double{t(i, j)} + smoothing / count;
      result.loss -= static_cast<double>(q * log_p) / rows;
      result.dl(i, j) = static_cast<Scalar>((static_cast<double>(std::exp(log_p)) - q) / rows);
    }
  }
  return result;
}

}  // namespace

TEST_CASE("cross-entropy and its gradient match the definition, for any cut of the classes") {
  // 131 rows: more than two blocks of them.
  for (const auto& size : {std::array<Index, 2>{1, 2}, {5, 11}, {131, 23}}) {
    const Index n = size[0], classes = size[1];  // clang 14 cannot capture structured bindings
    const Tensor logits = random_matrix(n, classes, "logits");
    for (const double smoothing : {0.0, 0.1}) {
      for (const bool soft : {false, true}) {
        const Tensor t = soft ? soft_targets(n, classes) : labels(n, classes);
        const Result want = plain_cross_entropy(logits, t, smoothing);
        for (Index parts = 1; parts <= std::min<Index>(classes, 4); ++parts) {
          CAPTURE(n);
          CAPTURE(smoothing);
          CAPTURE(soft);
          CAPTURE(parts);
          const Result got = cross_entropy(logits, t, smoothing, parts);
          CHECK(std::abs(got.loss - want.loss) <= want.loss * 16 * harness::epsilon);
          CHECK(distance(got.dl, want.dl) <= 16 * harness::epsilon);
        }
      }
    }
  }
}

TEST_CASE("cross-entropy stays finite for logits of ten thousand") {
  Tensor logits(3, 4), t = Tensor::zeros(3, 4);
  const double rows[3][4] = {{1e4, -1e4, 0, 1}, {-1e4, -1e4, -1e4, -1e4}, {1e4, 1e4, -1e4, 1e4}};
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 4; ++j) logits(i, j) = static_cast<Scalar>(rows[i][j]);
    t(i, 1) = 1;
  }
  for (Index parts = 1; parts <= 4; ++parts) {
    const Result got = cross_entropy(logits, t, 0, parts);
    const double want = (2e4 + std::log(4.0) + std::log(3.0)) / 3;
    CHECK(std::abs(got.loss - want) <= want * 4 * harness::epsilon);
    CHECK(distance(got.dl, plain_cross_entropy(logits, t, 0).dl) <= 16 * harness::epsilon);
    CHECK(got.dl(0, 0) == static_cast<Scalar>(1.0 / 3));
    CHECK(got.dl(0, 1) == static_cast<Scalar>(-1.0 / 3));
    CHECK(std::abs(got.dl(0, 2)) <= std::numeric_limits<Scalar>::min());  // exp stops there
  }
}

TEST_CASE("a rank without a class contributes nothing to cross-entropy") {
  Doubles largest = doubles(3), sums = doubles(9, 1);
  row_largest({nullptr, 3, 0}, largest);
  for (const double value : largest) CHECK(value == -std::numeric_limits<double>::infinity());
  cross_entropy_forward({nullptr, 3, 0}, {nullptr, 3, 0}, doubles(3, 1), sums);
  for (const double sum : sums) CHECK(sum == 0);
}

TEST_CASE("a logit that is not a number makes the loss none") {
  // Whoever trains must be able to see it: a largest of the others would hide it.
  Tensor logits = random_matrix(70, 5, "logits");
  logits(67, 2) = std::numeric_limits<Scalar>::quiet_NaN();
  CHECK(std::isnan(cross_entropy(logits, labels(70, 5), 0.1, 2).loss));
}

TEST_CASE("sums of cross-entropy have the same bits for any run of shards, threads and address") {
  const Index n = 131, classes = 1013, shards = 8;
  const Tensor logits = random_matrix(n, classes, "logits"), t = soft_targets(n, classes);
  Doubles largest = doubles(n), want = doubles(3 * n);
  row_largest(logits, largest);
  const auto ranges = [&](Index first, Index last) {
    return harness::run_of_shards(classes, shards, first, last);
  };
  Tensor e = logits.clone();
  cross_entropy_forward(e, t, largest, want, ranges(0, shards));
  for (const Index parts : {1, 2, 4, 8}) {
    const Threads threads(static_cast<int>(parts % 3) + 1);
    std::vector<Doubles> stack;
    sum_along_tree(
        parts,
        [&](Index part) {
          const std::vector<Range> run = ranges(part * shards / parts, (part + 1) * shards / parts);
          const Index begin = shard_range(classes, shards, part * shards / parts).begin;
          const Range own = {begin, begin + run.back().end};
          Shifted part_e(logits.columns(own), part + 1);
          const Shifted part_t(t.columns(own), part);
          stack.push_back(doubles(3 * n));
          cross_entropy_forward(part_e, part_t, largest, stack.back(), run);
          CHECK(same_bits(part_e, e.columns(own)));
        },
        [&] {
          const Doubles top = std::move(stack.back());
          stack.pop_back();
          for (std::size_t i = 0; i < top.size(); ++i) stack.back()[i] += top[i];
        });
    CHECK(stack[0] == want);
  }
}

TEST_CASE("cross-entropy refuses shapes and shards that don't fit") {
  Tensor l(3, 4), t(3, 4), dl(3, 4);
  Doubles rows = doubles(3), sums = doubles(9);
  CHECK(harness::error_of([&] { row_largest(l, sums); }).find("largest [n, 1]") !=
        std::string::npos);
  CHECK(harness::error_of([&] { cross_entropy_forward(l, t, rows, rows); }).find("sums [3 n, 1]") !=
        std::string::npos);
  const std::vector<Range> wrong = {{0, 3}};
  CHECK(harness::error_of([&] { cross_entropy_forward(l, t, rows, sums, wrong); }) != "");
  CHECK(harness::error_of([&] { cross_entropy_backward(l, t, sums, 0, 4, 1, dl); }) != "");
}

#ifdef COLONNADE_DOUBLE

TEST_CASE("cross-entropy backward is the gradient of cross-entropy forward") {
  Tensor logits = random_matrix(5, 7, "logits");
  for (const double smoothing : {0.0, 0.2}) {
    for (const bool soft : {false, true}) {
      const Tensor t = soft ? soft_targets(5, 7) : labels(5, 7);
      for (const Index parts : {1, 3}) {
        const auto loss = [&] { return cross_entropy(logits, t, smoothing, parts).loss; };
        CHECK_GRADIENT(cross_entropy(logits, t, smoothing, parts).dl,
                       numerical_gradient(logits, loss));
      }
    }
  }
}

#endif
