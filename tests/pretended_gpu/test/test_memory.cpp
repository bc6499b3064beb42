// Memory of the device: what the host may not do with it, and what becomes of mistakes.
#include <sys/mman.h>

#include <cmath>
#include <csignal>
#include <cstring>

#include "helpers.hpp"

namespace {

__global__ void write_at(float* values, int at) {
  values[at] = 1;
}

__global__ void copy_one(const float* from, float* to) {
  *to = *from;
}

void launch_write(float* values, int at, cudaStream_t stream = nullptr) {
  const cudaLaunchConfig_t config = grid_of(1, 1, stream);
  cudaLaunchKernelEx(&config, write_at, values, at);
}

}  // namespace

TEST_CASE("memory is counted, aligned, and given back") {
  std::size_t before = 0;
  std::size_t total = 0;
  REQUIRE(cudaMemGetInfo(&before, &total) == cudaSuccess);
  CHECK(before <= total);
  void* data = nullptr;
  REQUIRE(cudaMalloc(&data, 1000) == cudaSuccess);
  CHECK(reinterpret_cast<std::uintptr_t>(data) % 256 == 0);
  CHECK(cudaFree(data) == cudaSuccess);
  std::size_t after = 0;
  cudaMemGetInfo(&after, &total);
  CHECK(after == before);
  CHECK(cudaFree(nullptr) == cudaSuccess);
  CHECK(cudaMalloc(&data, total + 1) == cudaErrorMemoryAllocation);
  CHECK(data == nullptr);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
}

TEST_CASE("pointers say whose memory they point to") {
  float* device = nullptr;
  float* pinned = nullptr;
  float* managed = nullptr;
  float pageable = 0;
  REQUIRE(cudaMalloc(&device, 64) == cudaSuccess);
  REQUIRE(cudaMallocHost(&pinned, 64) == cudaSuccess);
  REQUIRE(cudaMallocManaged(&managed, 64) == cudaSuccess);
  const auto type = [](const void* pointer) {
    cudaPointerAttributes attributes;
    REQUIRE(cudaPointerGetAttributes(&attributes, pointer) == cudaSuccess);
    return attributes.type;
  };
  CHECK(type(device) == cudaMemoryTypeDevice);
  CHECK(type(device + 3) == cudaMemoryTypeDevice);
  CHECK(type(pinned) == cudaMemoryTypeHost);
  CHECK(type(managed) == cudaMemoryTypeManaged);
  CHECK(type(&pageable) == cudaMemoryTypeUnregistered);
  *managed = 1;
  launch_write(managed, 1);
  cudaDeviceSynchronize();
  CHECK(managed[1] == 1);
  CHECK(cudaFree(device) == cudaSuccess);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(cudaFree(managed) == cudaSuccess);
}

TEST_CASE("copies stay inside of their memory and go the way they say") {
  OnDevice<float> values(4);
  float host[5] = {};
  CHECK(cudaMemcpy(values.data(), host, 20, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemset(values.data() + 1, 0, 16) == cudaErrorInvalidValue);
#ifndef __CUDACC__  // where all memory has its own address, the real one looks at that only
  CHECK(cudaMemcpy(host, values.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
#endif
  cudaGetLastError();
}

#ifndef __CUDACC__

TEST_CASE("new memory is full of NaN, small or large") {
  for (const std::size_t size : {std::size_t{3}, std::size_t{100} << 20}) {
    const OnDevice<float> values(size);
    const Stream stream;
    OnDevice<float> one(1);
    float* const data = const_cast<OnDevice<float>&>(values).data();
    for (const float* from : {data, data + size / 2, data + size - 1}) {
      const cudaLaunchConfig_t config = grid_of(1, 1);
      cudaLaunchKernelEx(&config, copy_one, from, one.data());
      CHECK(std::isnan(one.to_host()[0]));
    }
  }
}

// The address sanitizer has a handler of its own, which exits.
bool died_of_it(const Ending& ending) {
  return ending.signal == SIGSEGV || says(ending, "AddressSanitizer: SEGV");
}

TEST_CASE("host code that touches device memory dies of it") {
  const Ending reading = in_child([] {
    OnDevice<float> values(std::vector<float>{1});
    volatile float* const data = values.data();
    static_cast<void>(*data);
  });
  CHECK(died_of_it(reading));
  CHECK(says(reading, "host code touched device memory"));

  const Ending writing = in_child([] {
    OnDevice<char> values(std::size_t{64} << 20);
    cudaDeviceSynchronize();
    std::memset(values.data() + (40 << 20), 0, 4);
  });
  CHECK(died_of_it(writing));
  CHECK(says(writing, "host code touched device memory"));

  const Ending elsewhere = in_child([] {
    OnDevice<float> values(1);
    static_cast<volatile char*>(
        mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))[0] = 0;
  });
  CHECK(died_of_it(elsewhere));
  CHECK(!says(elsewhere, "host code touched device memory"));
}

TEST_CASE("what is written beside an allocation is found when it is freed, or at the end") {
  for (const int at : {-1, 4, 7}) {
    const Ending freed = in_child([&] {
      OnDevice<float> values(4);
      launch_write(values.data(), at);
    });
    CHECK(freed.signal == SIGABRT);
    CHECK(says(freed, at < 0 ? "something was written before an allocation of 16 bytes"
                             : "something was written behind an allocation of 16 bytes"));
    const Ending kept = in_child([&] {
      float* values = nullptr;
      cudaMalloc(&values, 16);
      launch_write(values, at);
      cudaDeviceSynchronize();
    });
    CHECK(kept.signal == SIGABRT);
    CHECK(says(kept, "an allocation of 16 bytes"));
  }
}

TEST_CASE("memory is freed once, and by its own function") {
  void* data = nullptr;
  cudaMalloc(&data, 16);
  CHECK(cudaFreeHost(data) == cudaErrorInvalidValue);
  CHECK(cudaFree(static_cast<char*>(data) + 4) == cudaErrorInvalidValue);
  CHECK(cudaFree(data) == cudaSuccess);
  CHECK(cudaFree(data) == cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_CASE("cudaFree waits for the device") {
  OnDevice<float> values(std::vector<float>{0});
  const Stream stream;
  launch_write(values.data(), 0, stream);
  void* other = nullptr;
  cudaMalloc(&other, 16);
  CHECK(values.to_host()[0] == 0);
  cudaFree(other);
  CHECK(values.to_host()[0] == 1);
}

TEST_CASE("a kernel with memory that it cannot reach is a lasting error") {
  const Ending ending = in_child([] {
    float pageable = 0;
    OnDevice<float> reachable(1);
    const cudaLaunchConfig_t config = grid_of(1, 1);
    MUST(cudaLaunchKernelEx(&config, copy_one, reachable.data(), &pageable) ==
         cudaErrorIllegalAddress);
    MUST(cudaGetLastError() == cudaErrorIllegalAddress);
    MUST(cudaGetLastError() == cudaErrorIllegalAddress);
    MUST(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
    void* data = nullptr;
    MUST(cudaMalloc(&data, 16) == cudaErrorIllegalAddress);
  });
  CHECK(ending.status == 0);
  CHECK(says(ending, "argument 2 of a kernel"));

  const Ending freed = in_child([] {
    float* values = nullptr;
    cudaMallocHost(&values, 16);
    const Stream stream;
    launch_write(values, 0, stream);
    cudaFreeHost(values);
    MUST(cudaStreamSynchronize(stream) == cudaErrorIllegalAddress);
  });
  CHECK(freed.status == 0);
  CHECK(says(freed, "argument 1 of a kernel"));
}

TEST_CASE("memory belongs to the device on which it was made") {
  int devices = 0;
  REQUIRE(cudaGetDeviceCount(&devices) == cudaSuccess);
  REQUIRE(devices == 4);
  const Ending ending = in_child([] {
    OnDevice<float> values(1);
    const Stream stream;
    MUST(cudaSetDevice(1) == cudaSuccess);
    const cudaLaunchConfig_t wrong_stream = grid_of(1, 1, stream);
    MUST(cudaLaunchKernelEx(&wrong_stream, write_at, values.data(), 0) ==
         cudaErrorInvalidResourceHandle);
    const cudaLaunchConfig_t config = grid_of(1, 1);
    MUST(cudaLaunchKernelEx(&config, write_at, values.data(), 0) == cudaErrorIllegalAddress);
    MUST(cudaSetDevice(0) == cudaSuccess);
    MUST(cudaDeviceSynchronize() == cudaSuccess);
  });
  CHECK(ending.status == 0);
  CHECK(cudaSetDevice(4) == cudaErrorInvalidDevice);
  cudaGetLastError();
}

TEST_CASE("(in an environment) no device" * doctest::skip()) {
  int count = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
  CHECK(count == 0);
  void* data = nullptr;
  CHECK(cudaMalloc(&data, 16) == cudaErrorNoDevice);
  CHECK(cudaSetDevice(0) == cudaErrorNoDevice);
  CHECK(cudaDeviceSynchronize() == cudaErrorNoDevice);
}

TEST_CASE("(in an environment) a megabyte" * doctest::skip()) {
  void* data = nullptr;
  CHECK(cudaMalloc(&data, (1 << 20) + 1) == cudaErrorMemoryAllocation);
  CHECK(cudaMalloc(&data, 1 << 20) == cudaSuccess);
  void* more = nullptr;
  CHECK(cudaMalloc(&more, 1) == cudaErrorMemoryAllocation);
  CHECK(cudaFree(data) == cudaSuccess);
  CHECK(cudaMalloc(&more, 1) == cudaSuccess);
}

TEST_CASE("the environment says how many devices there are, and how large") {
  CHECK(in_environment("PRETENDED_GPUS", "0", "(in an environment) no device").status == 0);
  CHECK(in_environment("PRETENDED_GPU_MEMORY", "1M", "(in an environment) a megabyte").status == 0);
  // The tests of the two before can fail.
  CHECK(in_environment("PRETENDED_GPUS", "1", "(in an environment) no device").status != 0);
}

TEST_CASE("memory is taken only for what is written to") {
  // More than the machine has, in all.
  std::vector<void*> all;
  for (int device = 0; device < 4; ++device) {
    cudaSetDevice(device);
    void* data = nullptr;
    CHECK(cudaMalloc(&data, std::size_t{7} << 30) == cudaSuccess);
    all.push_back(data);
  }
  cudaSetDevice(0);
  for (void* data : all) CHECK(cudaFree(data) == cudaSuccess);
}

#endif
