#include "colonnade/backend.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#ifdef COLONNADE_BLAS_OPENBLAS
extern "C" {
char* openblas_get_config();
char* openblas_get_corename();
}
#endif

namespace colonnade {

#ifdef COLONNADE_BLAS_OPENBLAS

namespace {

constexpr const char* kernel_variable = "OPENBLAS_CORETYPE";

/// Kernels without AVX2, which are right for old processors and a mistake on any other.
bool is_kernel_of_old_processor(std::string_view kernel) {
  constexpr std::array<std::string_view, 9> old = {"Prescott",   "Core2",   "Katmai",
                                                   "Northwood",  "Banias",  "Penryn",
                                                   "Dunnington", "Nehalem", "Atom"};
  for (const std::string_view name : old)
    if (name == kernel) return true;
  return false;
}

/// The kernels that this processor's instructions allow, or null if it has none beyond the old.
const char* best_kernel() {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

}  // namespace

void prepare_backend(char** argv) {
  if (std::getenv(kernel_variable) != nullptr) return;
  const char* best = best_kernel();
  if (best == nullptr || !is_kernel_of_old_processor(openblas_get_corename())) return;
  setenv(kernel_variable, best, 1);
  execv("/proc/self/exe", argv);
  // Only reached where the program can't be started again: then it runs on, slower.
  unsetenv(kernel_variable);
}

std::string backend_description() {
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE ..."
  const std::size_t end_of_version = config.find(' ', config.find(' ') + 1);
  return "cpu, " + config.substr(0, end_of_version) + ", " + openblas_get_corename() + " kernels";
}

#else

void prepare_backend(char** /*argv*/) {}

std::string backend_description() {
#ifdef COLONNADE_BLAS_BLIS
  return "cpu, BLIS";
#else
  return "cpu, Eigen's own matrix products";
#endif
}

#endif

}  // namespace colonnade
