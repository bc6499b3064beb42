#include "cuda/tree_sum.hpp"

#include "cuda/gpu.hpp"
#include "number_type.hpp"

namespace colonnade::gpu {

namespace {

template <int height, class T>
__global__ void add_kernel(Tree ranks, const T* arrays, Index count, T* result) {
  const Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  result[i] = add_along_tree<height, T>(
      ranks, [&](const TreeStep& rank) { return arrays[rank.begin * count + i]; });
}

}  // namespace

void add_arrays(const Tree& ranks, const void* arrays, Index count, DataType type, void* result,
                cudaStream_t stream) {
  if (count == 0) return;
  const Grid grid = grid_for(count);
  cudaLaunchConfig_t config = {};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.stream = stream;
  with_number_type(type, [&]<class T>(T) {
    const auto kernel =
        ranks.height() <= low_tree ? add_kernel<low_tree, T> : add_kernel<high_tree, T>;
    check(cudaLaunchKernelEx(&config, kernel, ranks, static_cast<const T*>(arrays), count,
                             static_cast<T*>(result)),
          "add_arrays");
  });
}

}  // namespace colonnade::gpu
