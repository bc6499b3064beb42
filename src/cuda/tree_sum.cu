#include "cuda/tree_sum.hpp"

#include "cuda/gpu.hpp"
#include "number_type.hpp"

namespace colonnade {

namespace {

constexpr int levels = 20;  // for a million arrays

/// One thread for each sum. Its stack is that of sum_along_tree: after array i as many partial sums
/// are joined as i + 1 can be halved, the lower one being the left operand.
template <class T>
__global__ void add_kernel(const T* arrays, int ranks, Index count, T* result) {
  const Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  T stack[levels];
  int height = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    T sum = arrays[rank * count + i];
    for (int items = rank + 1; items % 2 == 0; items /= 2) sum = stack[--height] + sum;
    stack[height++] = sum;
  }
  T sum = stack[--height];
  while (height > 0) sum = stack[--height] + sum;
  result[i] = sum;
}

}  // namespace

void add_along_tree(const void* arrays, int ranks, Index count, DataType type, void* result,
                    cudaStream_t stream) {
  if (count == 0) return;
  const gpu::Grid grid = gpu::grid_for(count);
  cudaLaunchConfig_t config = {};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.stream = stream;
  with_number_type(type, [&]<class T>(T) {
    gpu::check(cudaLaunchKernelEx(&config, add_kernel<T>, static_cast<const T*>(arrays), ranks,
                                  count, static_cast<T*>(result)),
               "add_along_tree");
  });
}

}  // namespace colonnade
