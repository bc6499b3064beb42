// The one order in which exact mode adds: a balanced binary tree whose leaves stand in order.
//
//   4 items    (0 + 1) + (2 + 3)
//   6 items    ((0 + 1) + (2 + 3)) + (4 + 5)      the left part is the largest power of two
//
// The tree of 2^k items is made of the trees of its halves. So ranks that each hold a run of 2^j
// consecutive items may add their own and then one another's: the sum has the same bits for any
// number of ranks.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "colonnade/shard.hpp"

namespace colonnade {

/// Drives the sum of `count` items with a stack of partial sums: push(i) puts item i on top, join()
/// puts the sum of the two topmost in their place, the lower one being the left operand. One sum is
/// left in the end, none for no items.
template <class Push, class Join>
void sum_along_tree(Index count, Push&& push, Join&& join) {
  Index height = 0;
  for (Index i = 0; i < count; ++i) {
    push(i);
    ++height;
    for (int joins = std::countr_zero(static_cast<std::uint64_t>(i) + 1); joins > 0; --joins) {
      join();
      --height;
    }
  }
  for (; height > 1; --height) join();
}

/// The largest height of that stack.
constexpr Index tree_stack_height(Index count) {
  return static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(count)));
}

/// The sum of numbers that lie side by side; 0 of none.
inline double tree_sum(std::span<const double> numbers) {
  std::array<double, 64> stack{};
  std::size_t height = 0;
  sum_along_tree(
      static_cast<Index>(numbers.size()),
      [&](Index i) { stack[height++] = numbers[static_cast<std::size_t>(i)]; },
      [&] {
        --height;
        stack[height - 1] += stack[height];
      });
  return stack[0];
}

}  // namespace colonnade
