// The version of the library, by semantic versioning.
#pragma once

#include <string_view>

namespace colonnade {

inline constexpr std::string_view version = "0.1.0";

}  // namespace colonnade
