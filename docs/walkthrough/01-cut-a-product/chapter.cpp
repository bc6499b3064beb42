// One matrix product, Y = X W, computed by two ranks that have half of W each: once with the
// columns of W cut, once with its rows.

#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

Tensor input() {
  return matrix({{1, 2, 0, 1},  //
                 {0, 1, 3, 2}});
}
Tensor weight() {
  return matrix({{1, 0, 2, 1, 0},  //
                 {0, 1, 1, 0, 2},
                 {2, 0, 0, 1, 1},
                 {1, 3, 0, 2, 1}});
}

Tensor product(ConstMatrixView x, ConstMatrixView w) {
  Tensor y(x.rows, w.cols);
  linear_forward(x, w, y);
  return y;
}

// Each rank computes other columns of Y. Side by side they are Y.
bool cut_columns(ProcessGroup& group) {
  const Tensor x = input(), w = weight();
  const Sharding cut(w.cols(), group.size(), "the columns of W");
  const Range own = cut.range(group.rank());

  const Tensor y_local = product(x, w.columns(own));
  say_all(group, "multiplies X by columns " + std::to_string(own.begin) + " to " +
                     std::to_string(own.end - 1) + " of W:\n" + show(y_local));

  const bool right = distance(y_local, product(x, w).columns(own)) == 0;
  return check(group, "side by side these are the columns of Y", right);
}

// Each rank computes a part of the sum in every element of Y. Added up they are Y.
bool cut_rows(ProcessGroup& group) {
  const Tensor x = input(), w = weight();
  const Sharding cut(w.rows(), group.size(), "the rows of W");
  const Range own = cut.range(group.rank());

  Tensor y = product(x.columns(own), rows_of(w, own, group.memory()));
  say_all(group, "multiplies columns " + std::to_string(own.begin) + " to " +
                     std::to_string(own.end - 1) + " of X by the same rows of W:\n" + show(y));

  ReduceFromRanks::forward(group, y);
  say_all(group, "has the sum of both:\n" + show(y));
  return check(group, "that is Y, on every rank", distance(y, product(x, w)) == 0);
}

}  // namespace

int main() {
  std::printf("Y = X W on one rank:\n%s\n", show(product(input(), weight())).c_str());
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool columns = cut_columns(group);
    if (group.rank() == 0) std::printf("\n");
    const bool rows = cut_rows(group);
    if (group.rank() == 0) fine = columns && rows;
  });
  return fine ? 0 : 1;
}
