// cudaMalloc and its kind.
#include "capture.hpp"
#include "device_memory.hpp"
#include "devices.hpp"
#include "errors.hpp"
#include "streams.hpp"

using namespace pretended_gpu;

namespace {

cudaError_t allocate_for(void** pointer, std::size_t size, cudaMemoryType type) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (const cudaError_t error = refuse_in_capture(); error != cudaSuccess) return report(error);
  if (pointer == nullptr) return report(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (size == 0) return cudaSuccess;
  *pointer = allocate(size, type, current_device());
  return report(*pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

}  // namespace

cudaError_t cudaMalloc(void** devPtr, size_t size) {
  return allocate_for(devPtr, size, cudaMemoryTypeDevice);
}

cudaError_t cudaHostAlloc(void** pHost, size_t size, unsigned int) {
  return allocate_for(pHost, size, cudaMemoryTypeHost);
}

cudaError_t cudaMallocHost(void** ptr, size_t size) {
  return allocate_for(ptr, size, cudaMemoryTypeHost);
}

cudaError_t cudaMallocManaged(void** devPtr, size_t size, unsigned int) {
  if (size == 0) return report(cudaErrorInvalidValue);
  return allocate_for(devPtr, size, cudaMemoryTypeManaged);
}

// Waits for the device, as the real one does.
cudaError_t cudaFree(void* devPtr) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (devPtr == nullptr) return cudaSuccess;
  if (const cudaError_t error = refuse_in_capture(); error != cudaSuccess) return report(error);
  const std::optional<Allocation> allocation = find_allocation(devPtr);
  run_device(allocation ? allocation->device : current_device());
  return report(release(devPtr, false));
}

// Nothing says that it waits. Copies that are still queued find their memory gone.
cudaError_t cudaFreeHost(void* ptr) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (ptr == nullptr) return cudaSuccess;
  if (const cudaError_t error = refuse_in_capture(); error != cudaSuccess) return report(error);
  return report(release(ptr, true));
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  *free = free_memory(current_device());
  *total = memory_size();
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* ptr) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  void* const pointer = const_cast<void*>(ptr);
  const std::optional<Allocation> a = find_allocation(ptr);
  if (!a) {
    *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, pointer};
  } else {
    const bool on_device = a->type == cudaMemoryTypeDevice;
    *attributes = {a->type, a->device, pointer, on_device ? nullptr : pointer};
  }
  return cudaSuccess;
}
