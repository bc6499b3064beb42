// The sum of the ranks' arrays along the tree of tree_sum.hpp, on the GPU.
#pragma once

#include <cuda_runtime.h>

#include "colonnade/transport.hpp"

namespace colonnade {

/// result[i] = array 0 [i] + ... + array ranks-1 [i], for each i < count, with the bits of
/// src/add_along_tree.hpp. The arrays, at least one, lie one after the other in device memory, as
/// result does, which must not overlap them. Queued in `stream`. Not of bytes.
void add_along_tree(const void* arrays, int ranks, Index count, DataType type, void* result,
                    cudaStream_t stream);

}  // namespace colonnade
