// The sum of the ranks' arrays along the tree, on the GPU.
#pragma once

#include "colonnade/transport.hpp"
#include "cuda/tree.hpp"

namespace colonnade::gpu {

/// result[i] = array 0 [i] + ... + array P-1 [i], for each i < count, with the bits of
/// src/add_along_tree.hpp. `ranks` is the tree of P leaves of one item. The arrays lie one after
/// the other in device memory, as result does, which must not overlap them. Queued in `stream`. Not
/// of bytes.
void add_arrays(const Tree& ranks, const void* arrays, Index count, DataType type, void* result,
                cudaStream_t stream);

}  // namespace colonnade::gpu
