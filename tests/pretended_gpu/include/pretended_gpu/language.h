// Words of CUDA's language and what threads of a block do together.
#ifndef PRETENDED_GPU_LANGUAGE_H
#define PRETENDED_GPU_LANGUAGE_H

#include <atomic>
#include <cstring>
#include <type_traits>

#include "../vector_types.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
// Blocks run one after the other on the thread that runs the queue, and ranks may be threads.
#define __shared__ static thread_local

// Where the running thread is. constinit: no call is needed to reach them.
extern constinit thread_local uint3 threadIdx;
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local dim3 blockDim;
extern constinit thread_local dim3 gridDim;
inline constexpr int warpSize = 32;

namespace pretended_gpu {

// A place in the source that threads must reach together.
struct Place {
  const char* file;
  int line;
};

void wait_for_block(Place place);
// All living lanes of `mask` meet. Each gives 8 bytes; `given` is where those of the 32 lanes lie
// until this lane waits again. Bytes of a lane that takes no part are 0xff.
const unsigned long long* exchange_in_warp(unsigned mask, unsigned long long mine, Place place);
unsigned lane_of_warp();
unsigned lanes_that_run();

template <typename T>
T shuffle(unsigned mask, T value, unsigned source, Place place) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  unsigned long long bytes = 0;
  std::memcpy(&bytes, &value, sizeof value);
  const unsigned long long* given = exchange_in_warp(mask, bytes, place);
  T result;
  std::memcpy(&result, &given[source], sizeof result);
  return result;
}

}  // namespace pretended_gpu

#define PRETENDED_GPU_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define PRETENDED_GPU_HERE (pretended_gpu::Place{file, line})

inline void __syncthreads(PRETENDED_GPU_PLACE) {
  pretended_gpu::wait_for_block(PRETENDED_GPU_HERE);
}
inline void __syncwarp(unsigned mask = 0xffffffff, PRETENDED_GPU_PLACE) {
  pretended_gpu::exchange_in_warp(mask, 0, PRETENDED_GPU_HERE);
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, PRETENDED_GPU_PLACE) {
  const unsigned first = pretended_gpu::lane_of_warp() & ~static_cast<unsigned>(width - 1);
  return pretended_gpu::shuffle(mask, value, first + (static_cast<unsigned>(source) & (width - 1)),
                                PRETENDED_GPU_HERE);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, PRETENDED_GPU_PLACE) {
  const unsigned lane = pretended_gpu::lane_of_warp();
  const unsigned end = (lane & ~static_cast<unsigned>(width - 1)) + static_cast<unsigned>(width);
  const unsigned source = lane ^ static_cast<unsigned>(lane_mask);
  return pretended_gpu::shuffle(mask, value, source < end ? source : lane, PRETENDED_GPU_HERE);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, PRETENDED_GPU_PLACE) {
  const unsigned lane = pretended_gpu::lane_of_warp();
  const bool within = (lane & (width - 1)) + delta < static_cast<unsigned>(width);
  return pretended_gpu::shuffle(mask, value, within ? lane + delta : lane, PRETENDED_GPU_HERE);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, PRETENDED_GPU_PLACE) {
  const unsigned lane = pretended_gpu::lane_of_warp();
  const bool within = (lane & (width - 1)) >= delta;
  return pretended_gpu::shuffle(mask, value, within ? lane - delta : lane, PRETENDED_GPU_HERE);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, PRETENDED_GPU_PLACE) {
  const unsigned long long* given =
      pretended_gpu::exchange_in_warp(mask, predicate != 0 ? 1 : 0, PRETENDED_GPU_HERE);
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane) ballot |= (given[lane] == 1 ? 1u : 0u) << lane;
  return ballot & mask;
}
inline int __any_sync(unsigned mask, int predicate, PRETENDED_GPU_PLACE) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, PRETENDED_GPU_PLACE) {
  return __ballot_sync(mask, predicate == 0, file, line) == 0;
}
inline unsigned __activemask() {
  return pretended_gpu::lanes_that_run();
}

#undef PRETENDED_GPU_PLACE
#undef PRETENDED_GPU_HERE

// Real ones: kernels of several ranks that are threads may run at the same time.
template <typename T>
requires(std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, float> ||
         std::is_same_v<T, double> || std::is_same_v<T, unsigned long long>) T
    atomicAdd(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).fetch_add(value);
}
template <typename T>
requires(std::is_same_v<T, int> || std::is_same_v<T, unsigned> ||
         std::is_same_v<T, unsigned long long> || std::is_same_v<T, long long>) T
    atomicMax(T* address, std::type_identity_t<T> value) {
  T old = std::atomic_ref<T>(*address).load();
  while (old < value && !std::atomic_ref<T>(*address).compare_exchange_weak(old, value)) {
  }
  return old;
}
template <typename T>
requires(std::is_same_v<T, int> || std::is_same_v<T, unsigned> ||
         std::is_same_v<T, unsigned long long> || std::is_same_v<T, long long>) T
    atomicMin(T* address, std::type_identity_t<T> value) {
  T old = std::atomic_ref<T>(*address).load();
  while (value < old && !std::atomic_ref<T>(*address).compare_exchange_weak(old, value)) {
  }
  return old;
}
template <typename T>
requires(std::is_same_v<T, int> || std::is_same_v<T, unsigned> ||
         std::is_same_v<T, unsigned long long>) T
    atomicOr(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).fetch_or(value);
}
template <typename T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*address).exchange(value);
}
template <typename T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  std::atomic_ref<T>(*address).compare_exchange_strong(compare, value);
  return compare;
}
template <typename T>
T __ldg(const T* address) {
  return *address;
}

#endif
