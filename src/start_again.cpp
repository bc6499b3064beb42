#include "start_again.hpp"

#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace colonnade {

bool leave_binding_to_us() {
  bool bound = false;
  for (const char* variable :
       {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}) {
    bound = bound || std::getenv(variable) != nullptr;
    unsetenv(variable);
  }
  // What this process was started with is lost; its parent has it still.
  cpu_set_t cores;
  if (bound && sched_getaffinity(getppid(), sizeof cores, &cores) == 0) {
    sched_setaffinity(0, sizeof cores, &cores);
  }
  return bound;
}

void start_again(char** argv) {
  // By its own path, for the process is named after it.
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length > 0) execv(path.data(), argv);
  execv("/proc/self/exe", argv);
}

}  // namespace colonnade
