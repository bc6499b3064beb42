// How the learning rate changes from step to step.
#pragma once

#include <cstdint>
#include <string_view>

namespace colonnade {

enum class ScheduleKind { constant, cosine };
std::string_view to_string(ScheduleKind kind);
ScheduleKind schedule_from(std::string_view name);

/// The factor of the learning rate in each of `steps` steps: linear from 1/warmup up to 1 over the
/// first `warmup` steps, then 1, or half a cosine from 1 that would reach 0 in the step after the
/// last.
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  std::int64_t warmup = 0;
  std::int64_t steps = 0;

  /// `step` counts from 0.
  double factor(std::int64_t step) const;
};

}  // namespace colonnade
