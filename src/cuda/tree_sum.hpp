// The sum of the ranks' arrays along the tree of tree_sum.hpp, on the GPU.
#pragma once

#include <cuda_runtime.h>

#include "colonnade/transport.hpp"

namespace colonnade {

/// The array of rank `own_rank`, and those of the others one after the other in rank order without
/// it: what a rank has when all have sent it theirs.
struct RankArrays {
  const void* own;
  const void* others;
  int own_rank;
  int ranks;
};

/// result[i] = array(0)[i] + ... + array(ranks - 1)[i] for each i < count, with the bits of
/// add_along_tree (src/add_along_tree.hpp). result may be one of the arrays, but not overlap one
/// otherwise. Queued in `stream`. Not of bytes.
void add_along_tree(const RankArrays& arrays, Index count, DataType type, void* result,
                    cudaStream_t stream);

}  // namespace colonnade
