// How the learning rate changes from step to step.
#pragma once

#include <cstdint>
#include <string_view>

namespace colonnade {

enum class ScheduleKind { constant, cosine, linear, warmup_stable_decay };
std::string_view to_string(ScheduleKind kind);
ScheduleKind schedule_from(std::string_view name);

/// The factor of the learning rate in each of `steps` steps. It rises linearly from 1/warmup to 1
/// over the first `warmup` steps. Then
///   constant             stays 1
///   cosine               falls along half a cosine
///   linear               falls along a line
///   warmup-stable-decay  stays 1 and falls along a line over the last `decay` steps
/// and what falls would reach 0 in the step after the last.
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  std::int64_t warmup = 0;
  std::int64_t decay = 0;
  std::int64_t steps = 0;

  /// `step` counts from 0.
  double factor(std::int64_t step) const;
};

}  // namespace colonnade
