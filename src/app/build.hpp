// How this program was built, and what it computes with on this machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace colonnade::app {

/// Name and value, as `colonnade info` prints them: version, scalar, backend, compiler, flags, and
/// Eigen with its vector extensions. Two programs that say the same compute the same bits.
std::vector<std::pair<std::string, std::string>> describe_build();

}  // namespace colonnade::app
