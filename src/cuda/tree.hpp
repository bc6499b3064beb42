// The tree of tree_sum.hpp where kernels can read it. The order of its sums is written there alone.
#pragma once

#include <cuda_runtime.h>

#include <span>

#include "colonnade/shard.hpp"

namespace colonnade::gpu {

/// A leaf, and how many sums on the stack it is then added to, the topmost first.
struct TreeStep {
  Index begin;
  Index end;
  int joins;
};

struct Tree {
  const TreeStep* steps;  // device memory
  Index leaves;
  Index longest;  // of the leaves

  /// Sums that wait at most while another leaf is computed.
  int height() const;
};

/// The tree over some ranges, of which there is one at least. Its memory stays this thread's: a
/// list of ranges is copied to the GPU only once.
Tree tree_of(std::span<const Range> leaves);

/// Heights of which kernels are compiled: for 16 leaves, and for as many as there can be.
inline constexpr int low_tree = 4;
inline constexpr int high_tree = 32;

/// The sum of leaf(step) over all steps, along the tree. `height` is the tree's at least.
template <int height, class Value, class Leaf>
__device__ Value add_along_tree(const Tree& tree, const Leaf& leaf) {
  Value waiting[height];
  int count = 0;
  for (Index i = 0;; ++i) {
    const TreeStep step = tree.steps[i];
    Value sum = leaf(step);
    for (int join = 0; join < step.joins; ++join) sum = waiting[--count] + sum;
    if (i + 1 == tree.leaves) return sum;
    waiting[count++] = sum;
  }
}

}  // namespace colonnade::gpu
