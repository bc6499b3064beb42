// How calls of the runtime report, and how mistakes end the program.
#pragma once

#include <string>

#include "include/cuda_runtime_api.h"

namespace pretended_gpu {

// Writes one line about what was done wrong.
void complain(const std::string& what);

// For what hardware leaves undefined: no return value would be looked at in time.
[[noreturn]] void fail(const std::string& what);

// To be the first line of each call: cudaSuccess, or why no call can be obeyed (no device, an
// earlier kernel's sticky error, a host function that may not call the runtime).
cudaError_t enter();

// Keeps an error for cudaGetLastError and returns it.
cudaError_t report(cudaError_t error);

// After it no call of the process succeeds on this device, as after a kernel's fault.
void make_sticky(int device, cudaError_t error);
cudaError_t sticky_error(int device);

// While one lives, this thread runs a host function of a stream.
class InHostFunction {
 public:
  InHostFunction();
  ~InHostFunction();
};

}  // namespace pretended_gpu
