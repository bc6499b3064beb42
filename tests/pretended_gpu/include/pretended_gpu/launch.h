// A kernel's launch, with the official template.
#ifndef PRETENDED_GPU_LAUNCH_H
#define PRETENDED_GPU_LAUNCH_H

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "../cuda_runtime_api.h"

namespace pretended_gpu {

// A kernel's argument that is a pointer, and its number from 1.
struct PointerArgument {
  int number;
  const void* pointer;
};

// Queues `thread`, the kernel with its arguments, to be called once for each thread of the grid.
cudaError_t launch(const cudaLaunchConfig_t& config, std::vector<PointerArgument> pointers,
                   std::function<void()> thread);

template <typename T>
void add_pointer(std::vector<PointerArgument>& pointers, int number, const T& argument) {
  if constexpr (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>) {
    pointers.push_back({number, argument});
  }
}

}  // namespace pretended_gpu

template <typename... ExpTypes, typename... ActTypes>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(ExpTypes...),
                               ActTypes&&... args) {
  return [&](ExpTypes... coerced) {
    std::vector<pretended_gpu::PointerArgument> pointers;
    [[maybe_unused]] int number = 0;
    (pretended_gpu::add_pointer(pointers, ++number, coerced), ...);
    return pretended_gpu::launch(*config, std::move(pointers),
                                 [kernel, arguments = std::tuple<ExpTypes...>(coerced...)] {
                                   std::apply(kernel, arguments);
                                 });
  }(std::forward<ActTypes>(args)...);
}

#endif
