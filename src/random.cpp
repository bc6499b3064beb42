#include "colonnade/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

namespace colonnade {

namespace {

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// 52 bits and a half, which a double holds exactly: neither 0 nor 1 can come out.
double open_unit_interval(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
}

}  // namespace

KeyedRandom::KeyedRandom(std::uint64_t seed, std::string_view name)
    : seed_(seed), stream_(fnv1a(name)) {}

std::array<std::uint32_t, 4> KeyedRandom::words32(std::uint64_t index) const {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const r123::Philox4x32::ctr_type counter = {
      {low(index), high(index), low(stream_), high(stream_)}};
  const r123::Philox4x32::key_type key = {{low(seed_), high(seed_)}};
  const auto out = r123::Philox4x32{}(counter, key);
  return {out[0], out[1], out[2], out[3]};
}

KeyedRandom KeyedRandom::at(std::uint64_t number) const {
  KeyedRandom other = *this;
  std::uint64_t hash = stream_;  // FNV-1a goes on over the number's bytes
  for (int shift = 0; shift < 64; shift += 8) {
    hash = (hash ^ (number >> shift & 0xff)) * 0x100000001b3u;
  }
  other.stream_ = hash;
  return other;
}

std::array<std::uint64_t, 2> KeyedRandom::words(std::uint64_t index) const {
  const auto out = words32(index);
  return {out[0] | std::uint64_t{out[1]} << 32, out[2] | std::uint64_t{out[3]} << 32};
}

std::uint64_t KeyedRandom::bits(std::uint64_t index) const {
  return words(index)[0];
}

double KeyedRandom::uniform(std::uint64_t index) const {
  return open_unit_interval(bits(index));
}

double KeyedRandom::normal(std::uint64_t index) const {
  const auto [first, second] = words(index);
  return std::sqrt(-2 * std::log(open_unit_interval(first))) *
         std::cos(2 * std::numbers::pi * open_unit_interval(second));
}

std::vector<Index> shuffled_order(Index n, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  const KeyedRandom random(seed, "shuffle." + std::to_string(epoch));
  for (std::size_t left = order.size(); left > 1; --left) {
    // A 64-bit draw modulo at most 2^63: the bias is below left / 2^64 and of no consequence.
    std::swap(order[left - 1], order[random.bits(left) % left]);
  }
  return order;
}

}  // namespace colonnade
