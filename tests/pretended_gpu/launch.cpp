// Kernels are checked when they are launched, and again when they run: memory may be gone by then.
#include "include/pretended_gpu/launch.h"

#include <string>

#include "block.hpp"
#include "device_memory.hpp"
#include "errors.hpp"
#include "streams.hpp"

namespace pretended_gpu {
namespace {

bool valid(const cudaLaunchConfig_t& c) {
  const dim3& g = c.gridDim;
  const dim3& b = c.blockDim;
  const bool some = g.x > 0 && g.y > 0 && g.z > 0 && b.x > 0 && b.y > 0 && b.z > 0;
  return some && g.x <= 2147483647u && g.y <= 65535u && g.z <= 65535u && b.x <= 1024u &&
         b.y <= 1024u && b.z <= 64u && b.x * b.y * b.z <= 1024u;
}

bool pointers_reachable(const std::vector<PointerArgument>& pointers, int device) {
  for (const PointerArgument& p : pointers) {
    if (p.pointer == nullptr || reachable(p.pointer, 0, device)) continue;
    complain("argument " + std::to_string(p.number) +
             " of a kernel points neither to memory of its device nor to pinned memory");
    return false;
  }
  return true;
}

}  // namespace

cudaError_t launch(const cudaLaunchConfig_t& config, std::vector<PointerArgument> pointers,
                   std::function<void()> thread) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> stream = stream_for_work(config.stream, error);
  if (stream == nullptr) return error;
  if (!valid(config)) return report(cudaErrorInvalidConfiguration);
  if (config.dynamicSmemBytes != 0 || config.numAttrs != 0) {
    complain("dynamic shared memory and attributes of a launch are not pretended");
    return report(cudaErrorNotSupported);
  }
  const int device = stream->device;
  if (!pointers_reachable(pointers, device)) {
    make_sticky(device, cudaErrorIllegalAddress);
    return report(cudaErrorIllegalAddress);
  }
  return queue(*stream, [grid = config.gridDim, block = config.blockDim, device,
                         pointers = std::move(pointers), thread = std::move(thread)] {
    if (pointers_reachable(pointers, device)) {
      run_grid(grid, block, thread);
    } else {
      make_sticky(device, cudaErrorIllegalAddress);
    }
    return true;
  });
}

}  // namespace pretended_gpu
