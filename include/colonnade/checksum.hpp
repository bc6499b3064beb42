// Checksums that don't depend on how something is cut: each element is mixed with its index, and
// the results are added up. So ranks take sums of their own parts, in any order, and one sum over
// the ranks is the checksum of the whole, for any mesh.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "colonnade/shard.hpp"

namespace colonnade {

/// The sum, mod 2^64, over the elements of mix(index, bits), where the first has the index `first`.
/// mix is a bijection of the bits, so that a change of one element always changes the sum; other
/// changes go unnoticed with a probability of about 2^-64. It protects from accidents, not from
/// someone who means it.
std::uint64_t checksum(std::span<const float> elements, Index first = 0);
std::uint64_t checksum(std::span<const double> elements, Index first = 0);
std::uint64_t checksum(std::string_view bytes);

/// 16 hexadecimal digits.
std::string checksum_text(std::uint64_t checksum);

/// The number that such a text stands for; 0 for any other text.
std::uint64_t checksum_from(std::string_view text);

}  // namespace colonnade
