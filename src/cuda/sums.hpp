// Sums on the GPU whose order depends on nothing but how many terms there are.
#pragma once

#include <algorithm>

#include "cuda/gpu.hpp"
#include "cuda/scratch.hpp"
#include "cuda/tree.hpp"

namespace colonnade::gpu {

/// The sum of a number of each of the block's threads, which are whole warps. All of them call it;
/// the first gets the sum.
template <class Number>
__device__ Number block_sum(Number number) {
  __shared__ Number of_warps[32];
  constexpr unsigned all = 0xffffffff;
  const int lane = static_cast<int>(threadIdx.x % warp), own = static_cast<int>(threadIdx.x / warp);
  for (int step = warp / 2; step > 0; step /= 2) number += __shfl_down_sync(all, number, step);
  __syncthreads();  // whoever still reads the sums of an earlier call
  if (lane == 0) of_warps[own] = number;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x / warp);
  number = threadIdx.x == 0 ? of_warps[0] : 0;
  for (int i = 1; threadIdx.x == 0 && i < warps; ++i) number += of_warps[i];
  return number;
}

/// Terms that a block adds up.
inline constexpr Index terms_a_piece = 4096;

__host__ __device__ inline Index pieces_of(Index count) {
  return (count + terms_a_piece - 1) / terms_a_piece;
}

/// One piece of one leaf's terms a block: sums [pieces, leaves].
template <class Terms>
__global__ void sum_pieces(Terms terms, Tree tree, Index pieces, double* sums) {
  const Index piece = blockIdx.x % pieces;
  const TreeStep leaf = tree.steps[blockIdx.x / pieces];
  const Index begin = piece * terms_a_piece, count = terms.count(leaf);
  const Index end = begin + terms_a_piece < count ? begin + terms_a_piece : count;
  double sum = 0;
  for (Index i = begin + threadIdx.x; i < end; i += blockDim.x) sum += terms.term(leaf, i);
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// The pieces of each leaf, one leaf a block: the first of its pieces becomes their sum.
template <class Terms>
__global__ void sum_leaves(Terms terms, Tree tree, Index pieces, double* sums) {
  double* const own = sums + blockIdx.x * pieces;
  const Index count = pieces_of(terms.count(tree.steps[blockIdx.x]));
  double sum = 0;
  for (Index i = threadIdx.x; i < count; i += blockDim.x) sum += own[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) own[0] = sum;
}

/// All leaves, by one thread.
template <class Terms>
__global__ void sum_tree(Tree tree, Index pieces, const double* sums, double* to) {
  Index leaf = 0;
  *to = add_along_tree<high_tree, double>(tree,
                                          [&](const TreeStep&) { return sums[leaf++ * pieces]; });
}

/// Threads for so many terms. Beyond the terms they would add zeros.
inline unsigned threads_for(Index terms) {
  const Index warps = (terms + warp - 1) / warp;
  return static_cast<unsigned>(std::clamp<Index>(warps, 1, block_threads / warp)) * warp;
}

/// *to, in device memory, becomes the sum of all terms: of each leaf by itself, then along the
/// tree. Terms has `__host__ __device__ Index count(leaf)` and
/// `__device__ double term(leaf, i)`, 0 <= i < count(leaf).
template <class Terms>
void sum_terms(const char* name, const Terms& terms, const Tree& tree, double* to) {
  static thread_local Scratch scratch;
  const Index most_terms = terms.count({0, tree.longest, 0});
  const Index pieces = std::max<Index>(1, pieces_of(most_terms));
  const bool one = pieces == 1 && tree.leaves == 1;
  double* const sums = one ? to : scratch.reserve<double>(pieces * tree.leaves);
  const auto grid = [](Index blocks, Index summands) {
    return Grid{.blocks = static_cast<unsigned>(blocks), .threads = threads_for(summands)};
  };
  launch(name, sum_pieces<Terms>, grid(pieces * tree.leaves, most_terms), terms, tree, pieces,
         sums);
  if (one) return;
  if (pieces > 1) {
    launch(name, sum_leaves<Terms>, grid(tree.leaves, pieces), terms, tree, pieces, sums);
  }
  launch(name, sum_tree<Terms>, {.blocks = 1, .threads = 1}, tree, pieces, sums, to);
}

}  // namespace colonnade::gpu
