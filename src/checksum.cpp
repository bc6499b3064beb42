#include "colonnade/checksum.hpp"

#include <charconv>
#include <cstring>
#include <system_error>
#include <type_traits>

namespace colonnade {

namespace {

// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators"), with the golden ratio's multiples in the place of its counter: each step can be
// undone, so for any index it maps different bits to different numbers.
std::uint64_t mix(std::uint64_t index, std::uint64_t bits) {
  std::uint64_t x = bits + (index + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// Additions of unsigned numbers may come in any order, so threads and vectors change nothing.
template <class Element>
std::uint64_t sum_of_mixtures(const Element* elements, Index count, Index first) {
  using Bits =
      std::conditional_t<sizeof(Element) == 8, std::uint64_t,
                         std::conditional_t<sizeof(Element) == 4, std::uint32_t, std::uint8_t>>;
  constexpr Index worth_a_team = 1 << 16;
  std::uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum) if (count >= worth_a_team)
  for (Index i = 0; i < count; ++i) {
    Bits bits = 0;
    std::memcpy(&bits, elements + i, sizeof bits);
    sum += mix(static_cast<std::uint64_t>(first + i), bits);
  }
  return sum;
}

}  // namespace

std::uint64_t checksum(std::span<const float> elements, Index first) {
  return sum_of_mixtures(elements.data(), static_cast<Index>(elements.size()), first);
}

std::uint64_t checksum(std::span<const double> elements, Index first) {
  return sum_of_mixtures(elements.data(), static_cast<Index>(elements.size()), first);
}

std::uint64_t checksum(std::string_view bytes) {
  return sum_of_mixtures(bytes.data(), static_cast<Index>(bytes.size()), 0);
}

std::string checksum_text(std::uint64_t checksum) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[(checksum >> shift) & 15];
  return text;
}

std::uint64_t checksum_from(std::string_view text) {
  std::uint64_t checksum = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, checksum, 16);
  return text.size() == 16 && stop == end && error == std::errc() ? checksum : 0;
}

}  // namespace colonnade
