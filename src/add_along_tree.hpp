// The sum of the ranks' arrays along the tree of tree_sum.hpp: what every transport adds with, so
// that SumOrder::tree has the same bits on all of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "colonnade/tree_sum.hpp"

namespace colonnade {

/// result[i] = array(0)[i] + ... + array(ranks - 1)[i], for each i < count and at least one rank.
/// result may be one of the arrays, but not overlap one otherwise.
template <class T, class Array>
void add_along_tree(Index ranks, const Array& array, Index count, T* result) {
  // A chunk of each array is added before the next one, so that partial sums stay in the first
  // cache.
  constexpr Index chunk = 512;
  constexpr std::size_t levels = 20;              // for a million arrays
  std::array<std::array<T, chunk>, levels> sums;  // NOLINT: written before it is read
  std::array<const T*, levels> stack;             // NOLINT: as above
  for (Index begin = 0; begin < count; begin += chunk) {
    const Index length = std::min(chunk, count - begin);
    std::size_t height = 0;
    Index joins = 0;
    sum_along_tree(
        ranks, [&](Index i) { stack[height++] = array(i) + begin; },
        [&] {
          --height;
          const T* const left = stack[height - 1];
          const T* const right = stack[height];
          // The last sum may take an array's place: nothing of it is read any more.
          T* const sum = ++joins == ranks - 1 ? result + begin : sums[height - 1].data();
          for (Index i = 0; i < length; ++i) sum[i] = left[i] + right[i];
          stack[height - 1] = sum;
        });
    if (ranks == 1 && stack[0] != result + begin) std::copy_n(stack[0], length, result + begin);
  }
}

}  // namespace colonnade
