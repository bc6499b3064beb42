#include <toml++/toml.h>

#include <CLI/Version.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/build.hpp"
#include "app/commands.hpp"
#include "colonnade/mpi.hpp"

namespace colonnade::app {

namespace {

std::string dotted(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

void print(const char* name, const std::string& value) {
  std::printf("%-12s %s\n", name, value.c_str());
}

}  // namespace

int run_info(ProcessGroup& world, const Device& device) {
  const std::vector<std::string> devices = gather_text(world, describe(device, world.rank()));
  if (world.rank() != 0) return 0;
  for (const auto& [name, value] : describe_build()) print(name.c_str(), value);
  print("OpenMP", std::to_string(_OPENMP));
  print("MPI", mpi_library());
  print("CLI11", CLI11_VERSION);
  print("JSON", dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                       NLOHMANN_JSON_VERSION_PATCH));
  print("toml++", dotted(TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH));
  print("transport", std::string(world.transport_name()));
  print("ranks", std::to_string(world.size()));
  for (const std::string& line : devices) print("", line);
  return 0;
}

}  // namespace colonnade::app
