// Memory that kernels may touch: where it lies, whose it is, and when the host may not touch it.
#pragma once

#include <cstddef>
#include <optional>

#include "include/cuda_runtime_api.h"

namespace pretended_gpu {

// `type` is Device, Host (pinned) or Managed.
struct Allocation {
  char* begin;
  std::size_t bytes;
  cudaMemoryType type;
  int device;
};

// Room with guard zones around it, all of it filled with 0xff: numbers that are read before they
// are written are NaN. Null where the device or the host has too little.
void* allocate(std::size_t bytes, cudaMemoryType type, int device);

// The allocation must begin at `pointer`. Ends the program if its guard zones were written to.
cudaError_t release(void* pointer, bool of_host);

// The allocation in which `pointer` lies.
std::optional<Allocation> find_allocation(const void* pointer);

// Whether work of `device` may touch that much from `pointer` on.
bool reachable(const void* pointer, std::size_t bytes, int device);

std::size_t free_memory(int device);

// While one lives, in any thread, memory of devices can be touched.
class DeviceMemoryOpen {
 public:
  DeviceMemoryOpen();
  ~DeviceMemoryOpen();
  DeviceMemoryOpen(const DeviceMemoryOpen&) = delete;
  DeviceMemoryOpen& operator=(const DeviceMemoryOpen&) = delete;
};

}  // namespace pretended_gpu
