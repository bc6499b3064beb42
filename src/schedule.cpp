#include "colonnade/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "colonnade/error.hpp"

namespace colonnade {

std::string_view to_string(ScheduleKind kind) {
  return kind == ScheduleKind::constant ? "constant" : "cosine";
}

ScheduleKind schedule_from(std::string_view name) {
  if (name == "constant") return ScheduleKind::constant;
  if (name == "cosine") return ScheduleKind::cosine;
  throw Error("unknown schedule",
              {.wanted = "constant or cosine", .found = "'" + std::string(name) + "'"});
}

double Schedule::factor(std::int64_t step) const {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (kind == ScheduleKind::constant) return 1;
  const double length = static_cast<double>(std::max<std::int64_t>(steps - warmup, 1));
  const double done = std::min(1.0, static_cast<double>(step - warmup) / length);
  return 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace colonnade
