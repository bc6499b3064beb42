#include "colonnade/backend.hpp"

#include <cublasLt.h>

#include "cuda/gpu.hpp"
#include "start_again.hpp"

namespace colonnade {

void prepare_backend(char** argv) {
  if (leave_binding_to_us()) start_again(argv);
}

std::string why_no_device() {
  if (gpu::count() > 0) return {};
  return std::string("this build computes on a GPU: ") + gpu::why_none();
}

std::string backend_description() {
  if (gpu::count() == 0) return std::string("cuda, no GPU: ") + gpu::why_none();
  cudaDeviceProp properties = {};
  gpu::check(cudaGetDeviceProperties(&properties, gpu::index()), "cudaGetDeviceProperties");
  const std::size_t version = cublasLtGetVersion();
  return std::string("cuda, ") + properties.name + ", cuBLASLt " + std::to_string(version / 10000) +
         "." + std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
}

}  // namespace colonnade
