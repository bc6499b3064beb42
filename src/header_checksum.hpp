// A safetensors header's checksum of itself. `whole` is always a header with its length before it.
#pragma once

#include <string>

#include "colonnade/safetensors_header.hpp"

namespace colonnade {

/// The digits that stand for a checksum until it is known, and while it is taken.
inline constexpr const char* no_checksum_yet = "0000000000000000";

std::string with_length(const std::string& text);

/// Replaces no_checksum_yet under the header_checksum_key.
void fill_in_checksum(std::string& whole);

/// Throws if there are checksums and the header's is wrong, or a tensor has none. `header` is what
/// the text says.
void check_checksums(const std::string& file, const std::string& whole,
                     const SafetensorsHeader& header);

}  // namespace colonnade
