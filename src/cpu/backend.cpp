#include "colonnade/backend.hpp"

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "start_again.hpp"

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

/// Sets the kernels that OpenBLAS should have chosen; false if it has, or was told to.
bool correct_kernels() {
  if (std::getenv(kernel_variable) != nullptr) return false;
  const char* best = best_kernel();
  if (best == nullptr || !is_kernel_of_old_processor(openblas_get_corename())) return false;
  setenv(kernel_variable, best, 1);
  return true;
}

}  // namespace

std::string backend_description() {
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE ..."
  const std::size_t end_of_version = config.find(' ', config.find(' ') + 1);
  return "cpu, " + config.substr(0, end_of_version) + ", " + openblas_get_corename() + " kernels";
}

#else

namespace {

bool correct_kernels() {
  return false;
}

}  // namespace

std::string backend_description() {
#ifdef COLONNADE_BLAS_BLIS
  return "cpu, BLIS";
#else
  return "cpu, Eigen's own matrix products";
#endif
}

#endif

std::string why_no_device() {
  return {};
}

std::string backend_devices() {
  return "";
}

BackendDevice choose_backend_device(int /*rank*/, int /*ranks*/, bool /*share*/) {
  return {};
}

void prepare_backend(char** argv) {
  const bool kernels = correct_kernels();
  const bool binding = leave_binding_to_us();
  // Both libraries read their variables when they are loaded. Where the program can't be started
  // again it runs on, slower.
  if (kernels || binding) start_again(argv);
}

}  // namespace colonnade
