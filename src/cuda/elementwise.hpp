// How elementwise ops go through memory: sixteen bytes at once where all operands allow it, and the
// same expressions for the elements that are left. nvcc may not contract them (see compile.mk), so
// an element's bits don't depend on where it lies.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "colonnade/tensor.hpp"
#include "cuda/gpu.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

inline constexpr int pack_size = 16 / sizeof(Scalar);

/// Elements that lie side by side, one or pack_size, which are read and written by one instruction.
template <int size>
struct alignas(size * sizeof(Scalar)) Pack {
  Scalar element[size];
  __device__ Scalar& operator[](int i) { return element[i]; }
  __device__ const Scalar& operator[](int i) const { return element[i]; }
};

template <int size>
__device__ Pack<size> load(const Scalar* from) {
  return *reinterpret_cast<const Pack<size>*>(from);
}
template <int size>
__device__ void store(const Pack<size>& pack, Scalar* to) {
  *reinterpret_cast<Pack<size>*>(to) = pack;
}

/// An op that reads in device memory what to do says whether there is anything, and what.
template <class Op>
__device__ bool is_needed(const Op& op) {
  if constexpr (requires { op.is_needed(); }) return op.is_needed();
  return true;
}
template <class Op>
__device__ auto prepared(const Op& op) {
  if constexpr (requires { op.prepared(); }) {
    return op.prepared();
  } else {
    return op;
  }
}

/// The first `packed` elements in packs, the rest one by one.
template <class Op>
__global__ void go_through_elements(Op what, Index packed, Index size) {
  if (!is_needed(what)) return;
  const auto op = prepared(what);
  const Index thread = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  const Index threads = Index{gridDim.x} * blockDim.x;
  for (Index i = thread * pack_size; i < packed; i += threads * pack_size) {
    op.template at<pack_size>(i);
  }
  for (Index i = packed + thread; i < size; i += threads) op.template at<1>(i);
}

/// Calls op.at<count>(i) on the GPU, for elements [i, i + count) of `size`. `operands` are where
/// its operands begin; null for one that is left out.
template <class Op>
void for_each_element(const char* name, Index size, std::initializer_list<const void*> operands,
                      const Op& op) {
  bool aligned = true;
  for (const void* operand : operands) {
    aligned = aligned && reinterpret_cast<std::uintptr_t>(operand) % 16 == 0;
  }
  const Index packed = aligned ? size / pack_size * pack_size : 0;
  // Each multiprocessor of the largest GPU has several blocks; a thread then goes on to others.
  constexpr unsigned most_blocks = 2048;
  gpu::Grid grid = gpu::grid_for(size, packed > 0 ? pack_size : 1);
  if (grid.blocks.x > most_blocks) grid.blocks.x = most_blocks;
  gpu::launch(name, go_through_elements<Op>, grid, op, packed, size);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
