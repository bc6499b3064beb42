// A thread's GPU: its stream, launches on it, and CUDA's return codes as errors. A rank is a
// thread, so that each has a stream of its own; all ops of a rank go to it in order.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "colonnade/device_memory.hpp"
#include "colonnade/error.hpp"
#include "colonnade/shard.hpp"

namespace colonnade::gpu {

/// Throws Error with CUDA's own words unless `code` is cudaSuccess. `call` is what was called.
void check(cudaError_t code, const char* call, SourceLine where = SourceLine::here());

/// GPUs that this process sees; 0 where there is no driver or no device. Never throws.
int count();

/// Why there is none, for a message: `no CUDA-capable device is detected`. Empty if there is one.
const char* why_none();

/// Chooses the GPU of this thread, before its first tensor. Else it is the first.
void use(int index);
int index();

/// Where this thread's ops go.
cudaStream_t stream();

/// Whether this thread has had a stream, and so may have memory on its GPU.
bool is_in_use();

/// What follows each op: in memory that the host reaches it waits for the op's end. Throws what
/// went wrong with it, or with one before.
void end_op(const char* op);

/// Threads of a block; a whole number of warps.
inline constexpr unsigned block_threads = 256;
inline constexpr unsigned warp = 32;

struct Grid {
  dim3 blocks;
  dim3 threads = block_threads;
};

/// One thread for each of `count` items, or for each `items` of them.
inline Grid grid_for(Index count, Index items = 1) {
  const Index per_block = static_cast<Index>(block_threads) * items;
  return {dim3(static_cast<unsigned>((count + per_block - 1) / per_block)), dim3(block_threads)};
}

/// Starts a kernel on this thread's stream. `name` is for messages. A grid without blocks does
/// nothing.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const Grid& grid,
            Arguments&&... arguments) {
  if (grid.blocks.x == 0 || grid.blocks.y == 0 || grid.blocks.z == 0) return;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.stream = stream();
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), name);
  end_op(name);
}

/// Whether an address is in the memory of a GPU, where the host can't reach it.
bool is_out_of_reach(const void* address);

}  // namespace colonnade::gpu
