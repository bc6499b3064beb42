// The devices that the environment asks for.
#pragma once

#include <cstddef>

namespace pretended_gpu {

inline constexpr int kMostDevices = 64;

int device_count();         // PRETENDED_GPUS, 1 without it
int current_device();       // this thread's
std::size_t memory_size();  // bytes of each: PRETENDED_GPU_MEMORY, 8 GiB without it

}  // namespace pretended_gpu
