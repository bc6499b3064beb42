#include "app/config_file.hpp"

#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

#include <cstddef>
#include <limits>
#include <sstream>

#include "colonnade/error.hpp"
#include "colonnade/file.hpp"

namespace colonnade::app {

namespace {

constexpr std::size_t largest_config = 1 << 20;  // far more than all options together

std::string read_text(const std::string& path) {
  const File file = File::open(path);
  if (file.size() > largest_config) {
    throw Error(path + " is too long for a config file",
                {.wanted = "at most 1 MiB", .found = std::to_string(file.size()) + " bytes"});
  }
  std::string text(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  return text;
}

std::string place(const std::string& path, const toml::source_region& source) {
  return path + ", line " + std::to_string(source.begin.line);
}

/// A string, number or boolean as the command line would spell it.
std::string value_text(const toml::node& node, const std::string& key, const std::string& path) {
  if (const auto* text = node.as_string()) return text->get();
  if (node.is_integer() || node.is_floating_point() || node.is_boolean()) {
    std::ostringstream out;
    out.precision(std::numeric_limits<double>::max_digits10);
    if (const auto* number = node.as_integer()) out << number->get();
    if (const auto* number = node.as_floating_point()) out << number->get();
    if (const auto* flag = node.as_boolean()) out << (flag->get() ? "true" : "false");
    return out.str();
  }
  std::ostringstream kind;
  kind << node.type();
  throw Error(place(path, node.source()) + ": '" + key + "' cannot be an option",
              {.wanted = "a string, a number, true or false, or an array of them",
               .found = kind.str(),
               .hint = "options stand at the top level, without sections"});
}

}  // namespace

std::vector<std::pair<std::string, std::string>> read_config_file(const std::string& path) {
  toml::table table;
  try {
    table = toml::parse(read_text(path), path);
  } catch (const toml::parse_error& error) {
    throw Error(place(path, error.source()) + " is no TOML",
                {.found = std::string(error.description())});
  }
  std::vector<std::pair<std::string, std::string>> options;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    std::string value;
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) {
        value += (value.empty() ? "" : ",") + value_text(element, name, path);
      }
    } else {
      value = value_text(node, name, path);
    }
    options.emplace_back(name, value);
  }
  return options;
}

}  // namespace colonnade::app
