#include "app/build.hpp"

#include <Eigen/Core>

#include "colonnade/backend.hpp"
#include "colonnade/scalar.hpp"
#include "colonnade/version.hpp"

namespace colonnade::app {

namespace {

std::string compiler() {
#ifdef __clang__
  return std::string("clang ") + __clang_version__;
#else
  return std::string("gcc ") + __VERSION__;
#endif
}

std::string eigen() {
  return std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION) + ", " + Eigen::SimdInstructionSetsInUse();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_build() {
  return {{"version", "colonnade " + std::string(version)},
          {"scalar", std::string(scalar_name)},
          {"backend", backend_description()},
          {"compiler", compiler()},
#ifdef COLONNADE_BUILD_FLAGS
          {"flags", COLONNADE_BUILD_FLAGS},
#endif
          {"Eigen", eigen()}};
}

}  // namespace colonnade::app
