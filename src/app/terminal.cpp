#include "app/terminal.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace colonnade::app {

namespace {

/// A field of /proc/<pid>/status, or nothing.
std::string status_field(const std::string& pid, const std::string& name) {
  std::ifstream status("/proc/" + pid + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (!line.starts_with(name + ":")) continue;
    const std::size_t begin = line.find_first_not_of(" \t", name.size() + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

bool prints_to_terminal(const std::string& pid) {
  std::error_code ignored;
  const std::string target =
      std::filesystem::read_symlink("/proc/" + pid + "/fd/1", ignored).string();
  return target.starts_with("/dev/pts/") || target.starts_with("/dev/tty");
}

}  // namespace

bool output_is_terminal() {
  if (isatty(STDOUT_FILENO) == 1) return true;
  // MPICH's mpiexec starts a proxy, which starts the ranks; the first ancestor by that name counts.
  std::string pid = std::to_string(getppid());
  for (int generation = 0; generation < 4 && pid != "1" && !pid.empty(); ++generation) {
    const std::string name = status_field(pid, "Name");
    if (name.starts_with("mpiexec") || name.starts_with("mpirun")) return prints_to_terminal(pid);
    pid = status_field(pid, "PPid");
  }
  return false;
}

}  // namespace colonnade::app
