// Solutions of chapter 1; exits with 1 if one is wrong.

#include <algorithm>

#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: the longest and the shortest range differ by one, for any n >= parts.
bool cut_is_balanced(Index n, Index parts) {
  Index shortest = n, longest = 0, end_of_last = 0;
  for (Index i = 0; i < parts; ++i) {
    const Range range = shard_range(n, parts, i);
    if (range.begin != end_of_last) return false;
    end_of_last = range.end;
    shortest = std::min(shortest, range.size());
    longest = std::max(longest, range.size());
  }
  return end_of_last == n && longest - shortest <= 1;
}

// Exercise 2: a cut both ways on four ranks. Rank 2 i + j has rows range(i) and columns range(j) of
// W, so its product is a part of the sum in some columns of Y. Those who have the same columns add.
bool cut_both_ways(ProcessGroup& group) {
  const Tensor x = matrix({{1, 2, 3}, {4, 5, 6}});
  const Tensor w = matrix({{1, 0, 2}, {0, 1, 1}, {3, 1, 0}});
  const int i = group.rank() / 2, j = group.rank() % 2;
  const Range rows = shard_range(3, 2, i), columns = shard_range(3, 2, j);

  const Tensor w_rows = rows_of(w, rows, group.memory());
  Tensor y(2, columns.size());
  linear_forward(x.columns(rows), w_rows.columns(columns), y);
  ProcessGroup same_columns = group.split(j, i);
  ReduceFromRanks::forward(same_columns, y);

  Tensor whole(2, 3);
  linear_forward(x, w, whole);
  return distance(y, whole.columns(columns)) == 0;
}

}  // namespace

int main() {
  bool fine = true;
  for (Index n = 1; n <= 20; ++n)
    for (Index parts = 1; parts <= n; ++parts) fine &= cut_is_balanced(n, parts);
  check("1: every cut is balanced", fine);

  spawn(4, [&](ProcessGroup& group) {
    const bool same = check(group, "2: cut both ways, Y is the same", cut_both_ways(group));
    if (group.rank() == 0) fine &= same;
  });
  return fine ? 0 : 1;
}
