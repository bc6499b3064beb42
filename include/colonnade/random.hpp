// Random numbers that are looked up, not drawn: each is a function of (seed, name, index) through
// Random123's Philox4x32-10, so that a rank computes exactly the elements it owns, in any order,
// and they are the same for every number of ranks and threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "colonnade/shard.hpp"

namespace colonnade {

/// An endless table of random numbers, one for each index, chosen by (seed, name).
class KeyedRandom {
 public:
  KeyedRandom(std::uint64_t seed, std::string_view name);

  /// Another table for each `number`, of a training step, say; 0 too is another than this one.
  KeyedRandom at(std::uint64_t number) const;

  /// 64 independent random bits of an index.
  std::uint64_t bits(std::uint64_t index) const;

  /// The whole block of an index: four independent words. bits, uniform and normal of the same
  /// index are made of them.
  std::array<std::uint32_t, 4> words32(std::uint64_t index) const;

  /// The blocks of consecutive indices from `first` on: many at once take less time each.
  void words32(std::uint64_t first, std::span<std::array<std::uint32_t, 4>> blocks) const;

  /// Uniform in the open interval (0, 1).
  double uniform(std::uint64_t index) const;

  /// Normal with mean 0 and variance 1 (Box-Muller).
  double normal(std::uint64_t index) const;

  /// For code that looks the blocks up by itself: Philox's key, and the upper half of each counter,
  /// whose lower half is the index.
  std::uint64_t key() const { return seed_; }
  std::uint64_t stream() const { return stream_; }

 private:
  std::array<std::uint64_t, 2> words(std::uint64_t index) const;

  std::uint64_t seed_;
  std::uint64_t stream_;  // 64-bit FNV-1a of the name
};

/// The stream of KeyedRandom::at(number), from that of the table it is asked of: FNV-1a, which made
/// that of the name, goes on over the number's bytes.
constexpr std::uint64_t stream_at(std::uint64_t stream, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) {
    stream = (stream ^ (number >> shift & 0xff)) * 0x100000001b3u;
  }
  return stream;
}

/// The numbers 0..n-1 in the order in which `epoch` visits them: a Fisher-Yates shuffle whose i-th
/// choice is keyed by (seed, epoch, i), the same on every rank without a message.
std::vector<Index> shuffled_order(Index n, std::uint64_t seed, std::uint64_t epoch);

}  // namespace colonnade
