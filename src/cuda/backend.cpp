#include "colonnade/backend.hpp"

#include <cublasLt.h>

#include <atomic>

#include "colonnade/error.hpp"
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

inline namespace COLONNADE_PRECISION {

namespace {

std::atomic<Math> chosen = Math::fp32;

}  // namespace

void set_math(Math math) {
  if (math != Math::fp32 && sizeof(Scalar) == 8) {
    throw Error("doubles are multiplied as doubles", {.wanted = std::string(to_string(Math::fp32)),
                                                      .found = std::string(to_string(math)),
                                                      .hint = "build with SCALAR=float"});
  }
  chosen = math;
}

Math math() {
  return chosen;
}

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
