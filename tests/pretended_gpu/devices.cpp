// Devices and what they say about themselves.
#include "devices.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "errors.hpp"

namespace pretended_gpu {
namespace {

thread_local int the_current_device = 0;

// A number with K, M or G behind it, or none.
std::size_t number_in_environment(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  std::size_t number = std::strtoull(text, &end, 10);
  const char* units = "KMG";
  if (const char* unit = *end == '\0' ? nullptr : std::strchr(units, *end); unit != nullptr) {
    number <<= 10 * (unit - units + 1);
    ++end;
  }
  if (end == text || *end != '\0') fail(std::string(name) + " is no number: " + text);
  return number;
}

}  // namespace

int device_count() {
  static const std::size_t count = number_in_environment("PRETENDED_GPUS", 1);
  if (count > kMostDevices) fail("PRETENDED_GPUS is too large");
  return static_cast<int>(count);
}

int current_device() {
  return the_current_device;
}

std::size_t memory_size() {
  static const std::size_t size =
      number_in_environment("PRETENDED_GPU_MEMORY", std::size_t{8} << 30);
  return size;
}

}  // namespace pretended_gpu

using namespace pretended_gpu;

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  return report(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}

cudaError_t cudaSetDevice(int device) {
  if (device_count() == 0) return report(cudaErrorNoDevice);
  if (device < 0 || device >= device_count()) return report(cudaErrorInvalidDevice);
  the_current_device = device;
  return report(sticky_error(device));
}

cudaError_t cudaGetDevice(int* device) {
  if (device_count() == 0) return report(cudaErrorNoDevice);
  *device = the_current_device;
  return cudaSuccess;
}

// The numbers are those of an H100, as far as a program may choose its launches by them.
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  if (device_count() == 0) return report(cudaErrorNoDevice);
  if (device < 0 || device >= device_count()) return report(cudaErrorInvalidDevice);
  *prop = {};
  std::snprintf(prop->name, sizeof prop->name, "pretended GPU");
  prop->uuid.bytes[0] = static_cast<char>(device + 1);
  prop->totalGlobalMem = memory_size();
  prop->sharedMemPerBlock = 48 << 10;
  prop->sharedMemPerBlockOptin = 227 << 10;
  prop->sharedMemPerMultiprocessor = 228 << 10;
  prop->regsPerBlock = 65536;
  prop->warpSize = 32;
  prop->maxThreadsPerBlock = 1024;
  prop->maxThreadsDim[0] = prop->maxThreadsDim[1] = 1024;
  prop->maxThreadsDim[2] = 64;
  prop->maxGridSize[0] = 2147483647;
  prop->maxGridSize[1] = prop->maxGridSize[2] = 65535;
  prop->totalConstMem = 64 << 10;
  static const std::size_t arch = number_in_environment("PRETENDED_GPU_ARCH", 90);
  prop->major = static_cast<int>(arch / 10);
  prop->minor = static_cast<int>(arch % 10);
  prop->multiProcessorCount = 4;  // few, so that small grids have more blocks than places
  prop->canMapHostMemory = 1;
  prop->concurrentKernels = 1;
  prop->pciBusID = device + 1;
  prop->asyncEngineCount = 2;
  prop->unifiedAddressing = 1;
  prop->memoryBusWidth = 5120;
  prop->l2CacheSize = 50 << 20;
  prop->maxThreadsPerMultiProcessor = 2048;
  prop->managedMemory = 1;
  prop->concurrentManagedAccess = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int device) {
  cudaDeviceProp prop;
  if (const cudaError_t error = cudaGetDeviceProperties(&prop, device); error != cudaSuccess) {
    return error;
  }
  switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = prop.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxBlockDimX:
      *value = prop.maxThreadsDim[0];
      break;
    case cudaDevAttrMaxGridDimX:
      *value = prop.maxGridSize[0];
      break;
    case cudaDevAttrMaxGridDimY:
      *value = prop.maxGridSize[1];
      break;
    case cudaDevAttrMaxGridDimZ:
      *value = prop.maxGridSize[2];
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = 48 << 10;
      break;
    case cudaDevAttrWarpSize:
      *value = prop.warpSize;
      break;
    case cudaDevAttrClockRate:
      *value = 1980000;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = prop.multiProcessorCount;
      break;
    case cudaDevAttrPciBusId:
      *value = prop.pciBusID;
      break;
    case cudaDevAttrPciDeviceId:
      *value = prop.pciDeviceID;
      break;
    case cudaDevAttrMemoryClockRate:
      *value = 2619000;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = prop.memoryBusWidth;
      break;
    case cudaDevAttrL2CacheSize:
      *value = prop.l2CacheSize;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = prop.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrUnifiedAddressing:
      *value = prop.unifiedAddressing;
      break;
    case cudaDevAttrPciDomainId:
      *value = prop.pciDomainID;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = prop.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = prop.minor;
      break;
    case cudaDevAttrManagedMemory:
      *value = prop.managedMemory;
      break;
    case cudaDevAttrConcurrentManagedAccess:
      *value = prop.concurrentManagedAccess;
      break;
    default:
      return report(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* pciBusId, int len, int device) {
  if (device < 0 || device >= device_count()) return report(cudaErrorInvalidDevice);
  std::snprintf(pciBusId, static_cast<std::size_t>(len), "0000:%02x:00.0",
                static_cast<unsigned>(device + 1));
  return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  *leastPriority = 0;
  *greatestPriority = -5;
  return report(enter());
}

cudaError_t cudaDriverGetVersion(int* driverVersion) {
  *driverVersion = device_count() == 0 ? 0 : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* runtimeVersion) {
  *runtimeVersion = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attr, const void*) {
  *attr = {};
  attr->maxThreadsPerBlock = 1024;
  attr->numRegs = 32;
  attr->ptxVersion = attr->binaryVersion = 90;
  return enter();
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, const void*,
                                                          int blockSize, size_t) {
  if (blockSize < 1 || blockSize > 1024) return report(cudaErrorInvalidValue);
  *numBlocks = 2048 / blockSize;
  return enter();
}
