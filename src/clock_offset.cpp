#include "colonnade/clock_offset.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace colonnade {

ClockOffset measure_clock_offset(ProcessGroup& world, const std::function<std::int64_t()>& clock) {
  constexpr int rounds = 64;
  // Of each rank: when it entered this round, and when it left the one before.
  const auto ranks = static_cast<std::size_t>(world.size());
  const auto own = 2 * static_cast<std::size_t>(world.rank());
  std::vector<std::int64_t> times(2 * ranks);
  const Sharding two_each(world.size(), world.size(), "ranks");

  ClockOffset offset{std::numeric_limits<std::int64_t>::min(),
                     std::numeric_limits<std::int64_t>::max(), 0};
  std::int64_t entered = 0, left = 0;
  for (int round = 0; round <= rounds; ++round) {
    const std::int64_t entered_before = entered;
    times[own + 1] = left;
    times[own] = entered = clock();
    world.all_gather(std::span(times), two_each.ranges(), 2);
    left = clock();
    offset.highest = std::min(offset.highest, left - times[0]);
    if (round > 0) offset.lowest = std::max(offset.lowest, entered_before - times[1]);
  }
  offset.at = left;
  return world.rank() == 0 ? ClockOffset{0, 0, left} : offset;
}

ClockCorrection::ClockCorrection(const ClockOffset& first, const ClockOffset& second)
    : begin_(first.at) {
  if (first.may_be_none() && second.may_be_none()) return;
  offset_ = first.middle();
  if (second.at > first.at) {
    drift_ = static_cast<double>(second.middle() - first.middle()) /
             static_cast<double>(second.at - first.at);
  }
}

std::int64_t ClockCorrection::operator()(std::int64_t nanoseconds) const {
  const double drifted = drift_ * static_cast<double>(nanoseconds - begin_);
  return nanoseconds - offset_ - std::llround(drifted);
}

}  // namespace colonnade
