#include "colonnade/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "colonnade/error.hpp"

namespace colonnade {

namespace {

constexpr std::array<std::pair<ScheduleKind, std::string_view>, 4> names = {
    {{ScheduleKind::constant, "constant"},
     {ScheduleKind::cosine, "cosine"},
     {ScheduleKind::linear, "linear"},
     {ScheduleKind::warmup_stable_decay, "warmup-stable-decay"}}};

}  // namespace

std::string_view to_string(ScheduleKind kind) {
  for (const auto& [known, name] : names)
    if (known == kind) return name;
  return "";
}

ScheduleKind schedule_from(std::string_view name) {
  for (const auto& [kind, known] : names)
    if (known == name) return kind;
  throw Error("unknown schedule", {.wanted = "constant, cosine, linear or warmup-stable-decay",
                                   .found = "'" + std::string(name) + "'"});
}

double Schedule::factor(std::int64_t step) const {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (kind == ScheduleKind::constant) return 1;
  const std::int64_t after_warmup = std::max<std::int64_t>(steps - warmup, 1);
  const std::int64_t falling = kind == ScheduleKind::warmup_stable_decay
                                   ? std::clamp<std::int64_t>(decay, 1, after_warmup)
                                   : after_warmup;
  const std::int64_t fallen = std::max<std::int64_t>(step - (warmup + after_warmup - falling), 0);
  const double done = std::min(1.0, static_cast<double>(fallen) / static_cast<double>(falling));
  return kind == ScheduleKind::cosine ? 0.5 * (1 + std::cos(std::numbers::pi * done)) : 1 - done;
}

}  // namespace colonnade
