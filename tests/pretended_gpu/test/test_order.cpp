// The order of threads and blocks, as the environment chooses it.
#include "../order.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "helpers.hpp"

namespace {

/// As it is for a program that is started with PRETENDED_GPU_ORDER=text.
std::vector<unsigned> numbers_in(const char* text, unsigned count, int times = 1) {
  const char* const before = std::getenv("PRETENDED_GPU_ORDER");
  const std::string kept = before != nullptr ? before : "";
  setenv("PRETENDED_GPU_ORDER", text, 1);
  pretended_gpu::Order order;
  setenv("PRETENDED_GPU_ORDER", kept.c_str(), 1);
  for (int i = 0; i < times; ++i) order.begin(count);
  std::vector<unsigned> numbers;
  for (unsigned i = 0; i < count; ++i) numbers.push_back(order[i]);
  return numbers;
}

// Threads read what the first has written, but don't wait for it: a mistake, made on purpose.
__global__ void read_without_waiting(int* out) {
  __shared__ int shared;
  if (threadIdx.x == 0) shared = 7 + static_cast<int>(blockIdx.x);
  out[blockIdx.x * blockDim.x + threadIdx.x] = shared;
}

}  // namespace

TEST_CASE("threads run in the order that the environment says") {
  std::vector<unsigned> forward(100);
  std::iota(forward.begin(), forward.end(), 0u);
  const std::vector<unsigned> reverse(forward.rbegin(), forward.rend());
  CHECK(numbers_in("", 100) == forward);
  CHECK(numbers_in("forward", 100) == forward);
  CHECK(numbers_in("reverse", 100) == reverse);
  std::vector<unsigned> shuffled = numbers_in("5", 100);
  CHECK(shuffled == numbers_in("5", 100));
  CHECK(shuffled != numbers_in("6", 100));
  CHECK(shuffled != numbers_in("5", 100, 2));
  CHECK(shuffled != forward);
  std::sort(shuffled.begin(), shuffled.end());
  CHECK(shuffled == forward);
}

TEST_CASE("a missing barrier shows in another order than the threads' own") {
  constexpr int blocks = 3, threads = 64;
  OnDevice<int> out(blocks * threads);
  const cudaLaunchConfig_t config = grid_of(blocks, threads);
  REQUIRE(cudaLaunchKernelEx(&config, read_without_waiting, out.data()) == cudaSuccess);
  std::vector<int> want;
  for (int block = 0; block < blocks; ++block) want.insert(want.end(), threads, 7 + block);
  const char* const order = std::getenv("PRETENDED_GPU_ORDER");
  const bool is_own = order == nullptr || *order == '\0' || std::string(order) == "forward";
  CHECK((out.to_host() == want) == is_own);
}
