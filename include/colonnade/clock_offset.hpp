// How far a rank's clock is ahead of rank 0's, as far as messages can tell: so that what ranks of
// several hosts did can be laid side by side.
#pragma once

#include <cstdint>
#include <functional>

#include "colonnade/process_group.hpp"

namespace colonnade {

/// The offset lies between the two, both included; nanoseconds. `at` is this rank's clock.
struct ClockOffset {
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  std::int64_t at = 0;

  bool may_be_none() const { return lowest <= 0 && 0 <= highest; }
  std::int64_t middle() const { return lowest + (highest - lowest) / 2; }
};

/// No rank leaves an all-gather before every rank has entered it. So each that ranks do together
/// bounds the offset from both sides, and the narrowest bounds of several hold. Collective.
ClockOffset measure_clock_offset(ProcessGroup& world,
                                 const std::function<std::int64_t()>& clock = steady_nanoseconds);

/// From this rank's clock to rank 0's, by two measurements, since clocks drift apart: a line
/// through both.
class ClockCorrection {
 public:
  ClockCorrection() = default;
  /// Where both allow that there is no offset there is none: the ranks share a clock.
  ClockCorrection(const ClockOffset& first, const ClockOffset& second);

  std::int64_t operator()(std::int64_t nanoseconds) const;
  bool is_none() const { return offset_ == 0 && drift_ == 0; }

 private:
  std::int64_t begin_ = 0;
  std::int64_t offset_ = 0;  // there
  double drift_ = 0;         // nanoseconds a nanosecond
};

}  // namespace colonnade
