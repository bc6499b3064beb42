// Sums of checksums over ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "colonnade/process_group.hpp"

namespace colonnade {

/// Each number becomes its sum over the ranks, mod 2^64. The groups add signed numbers, which must
/// not overflow: so halves are added. Collective.
inline void add_up(ProcessGroup& group, std::vector<std::uint64_t>& numbers) {
  std::vector<std::int64_t> halves;
  for (const std::uint64_t number : numbers) {
    halves.push_back(static_cast<std::int64_t>(number & 0xffffffffu));
    halves.push_back(static_cast<std::int64_t>(number >> 32));
  }
  group.all_reduce(std::span(halves));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<std::uint64_t>(halves[2 * i]) +
                 (static_cast<std::uint64_t>(halves[2 * i + 1]) << 32);
  }
}

}  // namespace colonnade
