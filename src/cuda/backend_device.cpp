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

cudaDeviceProp properties_of(int index) {
  cudaDeviceProp properties = {};
  gpu::check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  return properties;
}

/// Code for a GPU runs on newer ones, not on older.
void check_architecture(const cudaDeviceProp& gpu) {
  const int found = 10 * gpu.major + gpu.minor;
  if (found >= COLONNADE_CUDA_ARCH) return;
  const auto name = [](int number) { return "sm_" + std::to_string(number); };
  throw Error(std::string("this program was compiled for newer GPUs than ") + gpu.name,
              {.wanted = name(COLONNADE_CUDA_ARCH) + " or newer",
               .found = name(found),
               .hint = "make BACKEND=cuda CUDA_ARCH=" + name(found)});
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

BackendDevice choose_backend_device(int rank, int ranks, bool share) {
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
  const cudaDeviceProp gpu = properties_of(index);
  check_architecture(gpu);
  gpu::use(index);
  const int sharing = (ranks - index + gpus - 1) / gpus;
  return {
      .name = "GPU " + std::to_string(index) + " (" + gpu.name + (sharing > 1 ? ", shared)" : ")"),
      .memory = static_cast<double>(gpu.totalGlobalMem) / sharing,
      .cache = static_cast<std::size_t>(gpu.l2CacheSize / sharing)};
}

}  // namespace colonnade
