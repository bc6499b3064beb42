// Which GPU a rank computes on.
#include <array>
#include <string>

#include "colonnade/backend.hpp"
#include "cuda/gpu.hpp"

namespace colonnade {

namespace {

std::string count_of(int number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string name_of_gpu(int index) {
  cudaDeviceProp properties = {};
  gpu::check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  return properties.name;
}

}  // namespace

std::string backend_devices() {
  std::string text;
  for (int index = 0; index < gpu::count(); ++index) {
    std::array<char, 32> place = {};
    cudaDeviceGetPCIBusId(place.data(), static_cast<int>(place.size()), index);
    text += std::string(place.data()) + " ";
  }
  return text;
}

std::string choose_backend_device(int rank, int ranks, bool share) {
  const int gpus = gpu::count();
  if (gpus == 0) {
    throw Error("this build computes on a GPU and there is none",
                {.found = gpu::why_none(), .hint = "make BACKEND=cpu builds for processors"});
  }
  if (gpus < ranks && !share) {
    throw Error("there are fewer GPUs than ranks on this node",
                {.wanted = "a GPU for each of " + count_of(ranks, "rank"),
                 .found = count_of(gpus, "GPU"),
                 .hint = "use fewer ranks, or let them share with --share-gpus"});
  }
  const int index = rank % gpus;
  gpu::use(index);
  const bool shared = index + gpus < ranks;
  return "GPU " + std::to_string(index) + " (" + name_of_gpu(index) + (shared ? ", shared)" : ")");
}

}  // namespace colonnade
