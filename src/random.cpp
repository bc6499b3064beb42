#include "colonnade/random.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

namespace colonnade {

namespace {

std::uint32_t low(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
std::uint32_t high(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32);
}

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
  const r123::Philox4x32::ctr_type counter = {
      {low(index), high(index), low(stream_), high(stream_)}};
  const r123::Philox4x32::key_type key = {{low(seed_), high(seed_)}};
  const auto out = r123::Philox4x32{}(counter, key);
  return {out[0], out[1], out[2], out[3]};
}

KeyedRandom KeyedRandom::at(std::uint64_t number) const {
  KeyedRandom other = *this;
  other.stream_ = stream_at(stream_, number);
  return other;
}

// Philox4x32-10 once more, word by word, in a form that compilers turn into vector code: few lanes
// would be unrolled instead.
void KeyedRandom::words32(std::uint64_t first,
                          std::span<std::array<std::uint32_t, 4>> blocks) const {
  constexpr std::size_t lanes = 32;
  for (std::size_t begin = 0; begin < blocks.size(); begin += lanes) {
    const std::size_t count = std::min(lanes, blocks.size() - begin);
    if (count < lanes / 4) {
      for (std::size_t i = begin; i < blocks.size(); ++i) blocks[i] = words32(first + i);
      return;
    }
    std::array<std::uint32_t, lanes> word0, word1, word2, word3;
    for (std::size_t i = 0; i < lanes; ++i) {
      word0[i] = low(first + begin + i);
      word1[i] = high(first + begin + i);
      word2[i] = low(stream_);
      word3[i] = high(stream_);
    }
    std::uint32_t key0 = low(seed_), key1 = high(seed_);
    for (int round = 0; round < 10; ++round, key0 += PHILOX_W32_0, key1 += PHILOX_W32_1) {
      for (std::size_t i = 0; i < lanes; ++i) {
        const std::uint32_t low0 = PHILOX_M4x32_0 * word0[i], low1 = PHILOX_M4x32_1 * word2[i];
        const std::uint32_t high0 = high(std::uint64_t{PHILOX_M4x32_0} * word0[i]);
        const std::uint32_t high1 = high(std::uint64_t{PHILOX_M4x32_1} * word2[i]);
        word0[i] = high1 ^ word1[i] ^ key0;
        word1[i] = low1;
        word2[i] = high0 ^ word3[i] ^ key1;
        word3[i] = low0;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      blocks[begin + i] = {word0[i], word1[i], word2[i], word3[i]};
    }
  }
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
