// Bytes made by hand, and what tests of file formats check about errors.
#pragma once

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>

#include "colonnade/file.hpp"

namespace harness {

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline int files_in(const std::filesystem::path& folder) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// The bytes of a text as a source named `made-up`.
inline colonnade::MemorySource source_of(std::string_view bytes) {
  return {"made-up", std::as_bytes(std::span(bytes))};
}

/// The first of the parts that `text` lacks; empty if it has them all. So a failed check shows the
/// part as well as the text: CHECK(lacking(error, {"x.npy", "wanted 3"}) == "").
inline std::string lacking(const std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts)
    if (text.find(part) == std::string::npos) return std::string(part) + " in: " + text;
  return {};
}

}  // namespace harness
