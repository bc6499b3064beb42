// The regions do what their table says, and each pair is conjugate: <F x, g> = <x, F' g>, both
// sides summed over ranks. For a replicated tensor every rank holds a copy whose gradients differ:
// the inner product of the replicas counts the one tensor once and its gradient as the sum of
// theirs.
#include <cmath>
#include <string>

#include "colonnade/regions.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::dot;
using harness::random_matrix;

namespace {

constexpr Index rows = 3;
constexpr Index columns = 11;  // uneven on 2, 3 and 4 ranks

/// Another matrix on every rank.
Tensor matrix_of_rank(const ProcessGroup& group, Index cols, const std::string& name) {
  return random_matrix(rows, cols, name + std::to_string(group.rank()));
}

double sum_over_ranks(ProcessGroup& group, double value) {
  return group.all_reduce(value);
}

void check_equal(double left, double right) {
  CHECK(std::abs(left - right) <= 16 * harness::rounding * (1 + std::abs(left)));
}

}  // namespace

RANKS_TEST_CASE("CopyToRanks is conjugate: identity forward, sum backward", "1-8") {
  const Tensor x = random_matrix(rows, columns, "x");
  Tensor y = x.clone();
  CopyToRanks::forward(world, y);
  const Tensor dy = matrix_of_rank(world, columns, "dy");
  Tensor dx = dy.clone();
  CopyToRanks::backward(world, dx);
  check_equal(sum_over_ranks(world, dot(y, dy)), dot(x, dx));
}

RANKS_TEST_CASE("ReduceFromRanks is conjugate: sum forward, identity backward", "1-8") {
  const Tensor x = matrix_of_rank(world, columns, "x");
  Tensor y = x.clone();
  ReduceFromRanks::forward(world, y);
  const Tensor dy = random_matrix(rows, columns, "dy");
  Tensor dx = dy.clone();
  ReduceFromRanks::backward(world, dx);
  check_equal(dot(y, dy), sum_over_ranks(world, dot(x, dx)));
}

RANKS_TEST_CASE("GatherColumns is conjugate: all-gather forward, reduce-scatter backward", "1-8") {
  const Sharding cut(columns, world.size(), "columns");
  const Range own = cut.range(world.rank());
  Tensor y = matrix_of_rank(world, columns, "x");
  const Tensor x = [&] {
    Tensor own_columns(rows, own.size());
    for (Index j = 0; j < own.size(); ++j)
      for (Index i = 0; i < rows; ++i) own_columns(i, j) = y(i, own.begin + j);
    return own_columns;
  }();
  GatherColumns::forward(world, cut, y);
  const Tensor dy = matrix_of_rank(world, columns, "dy");
  const Tensor dx = GatherColumns::backward(world, cut, dy);
  CHECK(dx.cols() == own.size());
  check_equal(sum_over_ranks(world, dot(y, dy)), sum_over_ranks(world, dot(x, dx)));
}

RANKS_TEST_CASE("ReduceScatterColumns is conjugate: reduce-scatter forward, all-gather backward",
                "1-8") {
  const Sharding cut(columns, world.size(), "columns");
  const Range own = cut.range(world.rank());
  const Tensor x = matrix_of_rank(world, columns, "x");
  const Tensor y = ReduceScatterColumns::forward(world, cut, x);
  CHECK(y.cols() == own.size());
  const Tensor dy = matrix_of_rank(world, own.size(), "dy");
  const Tensor dx = ReduceScatterColumns::backward(world, cut, dy);
  check_equal(sum_over_ranks(world, dot(y, dy)), sum_over_ranks(world, dot(x, dx)));
}

RANKS_TEST_CASE("SliceColumns is conjugate: own columns forward, all-gather backward", "1-8") {
  const Sharding cut(columns, world.size(), "columns");
  const Range own = cut.range(world.rank());
  const Tensor x = random_matrix(rows, columns, "x");
  const ConstMatrixView y = SliceColumns::forward(world, cut, x);
  const Tensor dy = matrix_of_rank(world, own.size(), "dy");
  Tensor dx = Tensor::zeros(rows, columns);
  for (Index j = 0; j < own.size(); ++j)
    for (Index i = 0; i < rows; ++i) dx(i, own.begin + j) = dy(i, j);
  SliceColumns::backward(world, cut, dx);
  check_equal(sum_over_ranks(world, dot(y, dy)), dot(x, dx));
}

RANKS_TEST_CASE("gathered columns stand where their owners' ranges say", "1-8") {
  const Sharding cut(columns, world.size(), "columns");
  Tensor y = Tensor::zeros(rows, columns);
  for (Index j = cut.range(world.rank()).begin; j < cut.range(world.rank()).end; ++j)
    for (Index i = 0; i < rows; ++i) y(i, j) = static_cast<Scalar>(100 * i + j);
  GatherColumns::forward(world, cut, y);
  for (Index j = 0; j < columns; ++j)
    for (Index i = 0; i < rows; ++i) CHECK(y(i, j) == static_cast<Scalar>(100 * i + j));
}

RANKS_TEST_CASE("regions refuse matrices of another width", "1-3") {
  const Sharding cut(columns, world.size(), "columns");
  Tensor narrow = Tensor::zeros(rows, columns - 1);
  CHECK(harness::error_of([&] { GatherColumns::forward(world, cut, narrow); }) != "");
  CHECK(harness::error_of([&] { GatherColumns::backward(world, cut, narrow); }) != "");
  CHECK(harness::error_of([&] { ReduceScatterColumns::forward(world, cut, narrow); }) != "");
  CHECK(harness::error_of([&] { ReduceScatterColumns::backward(world, cut, Tensor(rows, 12)); }) !=
        "");
  CHECK(harness::error_of([&] { SliceColumns::forward(world, cut, narrow); }) != "");
}
