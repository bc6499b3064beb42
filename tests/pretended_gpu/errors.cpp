// Errors: the last one of each thread, sticky ones of each device, and their names.
#include "errors.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>

#include "devices.hpp"

namespace pretended_gpu {
namespace {

thread_local cudaError_t last_error = cudaSuccess;
thread_local bool in_host_function = false;
std::array<std::atomic<cudaError_t>, kMostDevices> sticky{};

void write_line(const std::string& what) {
  const std::string line = "pretended GPU: " + what + "\n";
  // One write, so that lines of several ranks stay whole; nothing to be done if it fails.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void complain(const std::string& what) {
  write_line(what);
}

void fail(const std::string& what) {
  write_line(what);
  std::abort();
}

cudaError_t report(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

cudaError_t enter() {
  if (in_host_function) return report(cudaErrorNotPermitted);
  if (device_count() == 0) return report(cudaErrorNoDevice);
  return report(sticky_error(current_device()));
}

void make_sticky(int device, cudaError_t error) {
  cudaError_t none = cudaSuccess;
  sticky[static_cast<std::size_t>(device)].compare_exchange_strong(none, error);
}

cudaError_t sticky_error(int device) {
  return sticky[static_cast<std::size_t>(device)];
}

InHostFunction::InHostFunction() {
  in_host_function = true;
}
InHostFunction::~InHostFunction() {
  in_host_function = false;
}

}  // namespace pretended_gpu

using namespace pretended_gpu;

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  const cudaError_t lasting = device_count() == 0 ? cudaSuccess : sticky_error(current_device());
  return lasting != cudaSuccess ? lasting : last_error;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define X(name, value, text) \
  case name:                 \
    return text;
#include "include/pretended_gpu/error_list.h"
#undef X
  }
  return "unrecognized error code";
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define X(name, value, text) \
  case name:                 \
    return #name;
#include "include/pretended_gpu/error_list.h"
#undef X
  }
  return "unrecognized error code";
}
