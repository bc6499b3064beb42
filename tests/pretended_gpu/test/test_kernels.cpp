// Threads of a kernel: indices, barriers, shuffles, atomics, and what hardware leaves undefined.
#include <csignal>
#include <numeric>

#include "helpers.hpp"

namespace {

__global__ void write_index(int* out, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = i;
}

__global__ void write_position(unsigned* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] =
      blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z + 1000 * threadIdx.x + 10000 * threadIdx.y +
      100000 * threadIdx.z;
}

// Turns each block's elements around, many times, through shared memory.
__global__ void __launch_bounds__(1024) reverse(int* values, int times) {
  __shared__ int shared[1024];
  int* const mine = values + blockIdx.x * blockDim.x;
  for (int i = 0; i < times; ++i) {
    shared[threadIdx.x] = mine[threadIdx.x];
    __syncthreads();
    mine[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
    __syncthreads();
  }
}

__device__ double warp_sum(double value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffff, value, distance);
  }
  return value;
}

__global__ void block_sums(const double* in, double* out, int n) {
  __shared__ double of_warps[32];
  double sum = 0;
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < n;
       i += static_cast<int>(gridDim.x * blockDim.x)) {
    sum += in[i];
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = warp_sum(threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : 0.0);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
  }
}

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  int* const mine = out + 6 * lane;
  mine[0] = __shfl_sync(0xffffffff, 100 + lane, 5);
  mine[1] = __shfl_down_sync(0xffffffff, 100 + lane, 3u);
  mine[2] = __shfl_up_sync(0xffffffff, 100 + lane, 3u);
  mine[3] = __shfl_xor_sync(0xffffffff, 100 + lane, 9, 8);
  mine[4] = static_cast<int>(__ballot_sync(0xffffffff, lane % 3 == 0));
  const unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  mine[5] = __any_sync(half, lane == 20) + 2 * __all_sync(half, lane < 16);
}

// The last warp of a block may have fewer lanes than its mask.
__global__ void first_of_warp(int* out) {
  out[threadIdx.x] = __shfl_sync(0xffffffff, static_cast<int>(threadIdx.x), 0);
}

// The upper threads of a block leave before the barrier; a GPU goes on without them.
__global__ void leave_early(int* out) {
  if (threadIdx.x >= 40) return;
  __shared__ int shared[64];
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = shared[39 - threadIdx.x];
}

__global__ void add_up(double* sum, int* count, unsigned* largest) {
  atomicAdd(sum, 0.5);
  atomicAdd(count, 2);
  atomicMax(largest, blockIdx.x * blockDim.x + threadIdx.x);
}

}  // namespace

TEST_CASE("a kernel runs once for each thread of its grid") {
  OnDevice<int> out(1000);
  const cudaLaunchConfig_t config = grid_of(8, 128);
  REQUIRE(cudaLaunchKernelEx(&config, write_index, out.data(), 1000) == cudaSuccess);
  const std::vector<int> values = out.to_host();
  for (int i = 0; i < 1000; ++i) REQUIRE(values[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("grids and blocks have three dimensions") {
  OnDevice<unsigned> out(2 * 3 * 4 * 5 * 2 * 3);
  const cudaLaunchConfig_t config = grid_of(dim3(2, 3, 4), dim3(5, 2, 3));
  REQUIRE(cudaLaunchKernelEx(&config, write_position, out.data()) == cudaSuccess);
  const std::vector<unsigned> values = out.to_host();
  std::size_t i = 0;
  for (unsigned block = 0; block < 24; ++block) {
    for (unsigned thread = 0; thread < 30; ++thread, ++i) {
      REQUIRE(values[i] == block % 2 + 10 * (block / 2 % 3) + 100 * (block / 6) +
                               1000 * (thread % 5) + 10000 * (thread / 5 % 2) +
                               100000 * (thread / 10));
    }
  }
}

TEST_CASE("threads of a block meet at barriers") {
  for (const unsigned threads : {1u, 33u, 128u, 1024u}) {
    std::vector<int> values(3 * threads);
    std::iota(values.begin(), values.end(), 0);
    OnDevice<int> on_device(values);
    const cudaLaunchConfig_t config = grid_of(3, threads);
    REQUIRE(cudaLaunchKernelEx(&config, reverse, on_device.data(), 3) == cudaSuccess);
    const std::vector<int> reversed = on_device.to_host();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t block = i / threads * threads;
      REQUIRE(reversed[i] == values[block + threads - 1 - (i - block)]);
    }
  }
}

TEST_CASE("a sum over blocks by shuffles and barriers") {
  std::vector<double> values(10007);
  std::iota(values.begin(), values.end(), 1.0);
  OnDevice<double> in(values);
  OnDevice<double> out(3);
  const cudaLaunchConfig_t config = grid_of(3, 256);
  REQUIRE(cudaLaunchKernelEx(&config, block_sums, in.data(), out.data(), 10007) == cudaSuccess);
  const std::vector<double> sums = out.to_host();
  CHECK(sums[0] + sums[1] + sums[2] == 10007.0 * 10008.0 / 2);
}

TEST_CASE("shuffles and votes give what other lanes have") {
  OnDevice<int> out(32 * 6);
  const cudaLaunchConfig_t config = grid_of(1, 32);
  REQUIRE(cudaLaunchKernelEx(&config, shuffles, out.data()) == cudaSuccess);
  const std::vector<int> values = out.to_host();
  for (int lane = 0; lane < 32; ++lane) {
    const int* const of_lane = &values[static_cast<std::size_t>(6 * lane)];
    CHECK(of_lane[0] == 105);
    CHECK(of_lane[1] == 100 + (lane < 29 ? lane + 3 : lane));
    CHECK(of_lane[2] == 100 + (lane >= 3 ? lane - 3 : lane));
    // A lane of an earlier group of 8 can be reached, one of a later group cannot.
    CHECK(of_lane[3] == 100 + (lane % 16 < 8 ? lane : lane ^ 9));
    CHECK(of_lane[4] == 0x49249249);
    CHECK(of_lane[5] == (lane < 16 ? 2 : 1));
  }
}

TEST_CASE("a warp does not wait for lanes that its block does not have") {
  OnDevice<int> out(40);
  const cudaLaunchConfig_t config = grid_of(1, 40);
  REQUIRE(cudaLaunchKernelEx(&config, first_of_warp, out.data()) == cudaSuccess);
  const std::vector<int> values = out.to_host();
  for (int i = 0; i < 40; ++i) CHECK(values[static_cast<std::size_t>(i)] == i / 32 * 32);
}

TEST_CASE("a barrier does not wait for threads that ended") {
  OnDevice<int> out(40);
  const cudaLaunchConfig_t config = grid_of(1, 64);
  REQUIRE(cudaLaunchKernelEx(&config, leave_early, out.data()) == cudaSuccess);
  const std::vector<int> values = out.to_host();
  for (int i = 0; i < 40; ++i) CHECK(values[static_cast<std::size_t>(i)] == 39 - i);
}

TEST_CASE("atomic additions all arrive") {
  OnDevice<double> sum(std::vector<double>{0});
  OnDevice<int> count(std::vector<int>{0});
  OnDevice<unsigned> largest(std::vector<unsigned>{0});
  const cudaLaunchConfig_t config = grid_of(5, 96);
  REQUIRE(cudaLaunchKernelEx(&config, add_up, sum.data(), count.data(), largest.data()) ==
          cudaSuccess);
  CHECK(sum.to_host()[0] == 240);
  CHECK(count.to_host()[0] == 960);
  CHECK(largest.to_host()[0] == 479);
}

TEST_CASE("a launch that no GPU can do is refused") {
  for (const cudaLaunchConfig_t& config :
       {grid_of(0, 32), grid_of(1, 1025), grid_of(dim3(1, 65536), 1), grid_of(1, dim3(1, 1, 65))}) {
    CHECK(cudaLaunchKernelEx(&config, add_up, nullptr, nullptr, nullptr) ==
          cudaErrorInvalidConfiguration);
  }
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaSuccess);
}

#ifndef __CUDACC__  // on a GPU these hang, or do anything

namespace {

__global__ void barrier_of_some() {
  if (threadIdx.x < 7) {
    __syncthreads();
  } else {
    __shfl_sync(0xffffffff, 1, 0);
  }
}

__global__ void two_barriers() {
  if (threadIdx.x < 7) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void shuffle_of_some() {
  if (threadIdx.x == 7) {
    __shfl_sync(0x000000ff, 1, 0);
  } else {
    __shfl_sync(0xffffffff, 1, 0);
  }
}

__global__ void not_in_mask() {
  __shfl_sync(0x1u, 1, 0);
}

template <typename Kernel>
Ending run_in_child(Kernel kernel) {
  return in_child([&] {
    const cudaLaunchConfig_t config = grid_of(2, 32);
    cudaLaunchKernelEx(&config, kernel);
    cudaDeviceSynchronize();
  });
}

}  // namespace

TEST_CASE("barriers and shuffles that not all threads reach end the program") {
  const Ending barrier = run_in_child(barrier_of_some);
  CHECK(barrier.signal == SIGABRT);
  CHECK(says(barrier, "block ("));
  CHECK(says(barrier, "thread (0, 0, 0) waits for its block"));
  CHECK(says(barrier, "Not all living threads get there"));

  const Ending two = run_in_child(two_barriers);
  CHECK(two.signal == SIGABRT);
  CHECK(says(two, "different __syncthreads"));

  const Ending shuffle = run_in_child(shuffle_of_some);
  CHECK(shuffle.signal == SIGABRT);
  CHECK(says(shuffle, "or has another mask"));

  const Ending mask = run_in_child(not_in_mask);
  CHECK(mask.signal == SIGABRT);
  CHECK(says(mask, "not in its own mask"));
}

#endif
