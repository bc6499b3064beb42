#include "header_checksum.hpp"

#include <cstring>

#include "colonnade/checksum.hpp"

namespace colonnade {

namespace {

constexpr std::size_t checksum_digits = 16;

// Where in a header's text the digits of its checksum stand; npos if nowhere. A quote inside of a
// JSON text is escaped, so nothing else can look like this.
std::size_t place_of_checksum(const std::string& text) {
  const std::string before = "\"" + std::string(header_checksum_key) + "\":\"";
  const std::size_t found = text.find(before);
  if (found == text.npos || text.size() - found < before.size() + checksum_digits) return text.npos;
  return found + before.size();
}

// Of a header with its length before it.
std::string checksum_of_header(std::string whole, std::size_t place) {
  whole.replace(place, checksum_digits, checksum_digits, '0');
  return checksum_text(checksum(whole));
}

}  // namespace

std::string with_length(const std::string& text) {
  const std::uint64_t length = text.size();
  std::string whole(sizeof length, '\0');
  std::memcpy(whole.data(), &length, sizeof length);
  return whole + text;
}

void fill_in_checksum(std::string& whole) {
  const std::size_t place = place_of_checksum(whole);
  whole.replace(place, checksum_digits, checksum_of_header(whole, place));
}

void check_checksums(const std::string& file, const std::string& whole,
                     const SafetensorsHeader& header) {
  const auto refuse = [&](const std::string& what, const std::string& wanted,
                          const std::string& found) {
    throw Error(file + " is damaged: " + what, {.wanted = wanted, .found = found});
  };
  bool any = header.metadata.contains(header_checksum_key);
  for (const auto& [key, value] : header.metadata) any |= key.starts_with(tensor_checksum_prefix);
  if (!any) return;
  const std::size_t place = place_of_checksum(whole);
  if (place == whole.npos)
    refuse("its header has no checksum of its own", header_checksum_key, "none");
  const std::string wanted = checksum_of_header(whole, place);
  const std::string found = whole.substr(place, checksum_digits);
  if (found != wanted) refuse("its header has another checksum", in_quotes(found), wanted);
  for (const auto& [name, tensor] : header.tensors) {
    if (header.metadata.contains(tensor_checksum_prefix + name)) continue;
    refuse(in_quotes(name) + " has no checksum", "one for each tensor", "none");
  }
}

}  // namespace colonnade
