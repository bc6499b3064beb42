// Options from a TOML file.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace colonnade::app {

/// The keys of a TOML file with their values as the command line would spell them: numbers and
/// booleans as text, arrays joined by commas. Throws, with the line, for a file that is no TOML,
/// and for sections and values that no option can have.
std::vector<std::pair<std::string, std::string>> read_config_file(const std::string& path);

}  // namespace colonnade::app
