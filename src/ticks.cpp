#include "colonnade/ticks.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace colonnade {

namespace {

#ifdef __x86_64__
bool counter_is_invariant() {
  constexpr unsigned power_management = 0x80000007, invariant = 1U << 8;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(power_management, &eax, &ebx, &ecx, &edx) != 0 && (edx & invariant) != 0;
}

/// Linux compares the counters of all cores, and takes another clock where they differ.
bool system_trusts_counter() {
  constexpr const char* path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "r"), std::fclose);
  std::array<char, 8> source{};
  if (file == nullptr) return false;
  const std::size_t length = std::fread(source.data(), 1, source.size(), file.get());
  return std::string_view(source.data(), length) == "tsc\n";
}

bool counter_is_clock() {
  return counter_is_invariant() && system_trusts_counter();
}
#else
bool counter_is_clock() {
  return false;
}
#endif

}  // namespace

const bool ticks_of_processor = counter_is_clock();

// A look that the system interrupts takes longer: of several the shortest tells most.
ClockAnchor look_at_both_clocks() {
  if (!ticks_of_processor) {
    const std::int64_t now = steady_nanoseconds();
    return {now, now};
  }
  constexpr int tries = 8;
  ClockAnchor best;
  std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < tries; ++i) {
    const std::int64_t before = ticks_after();
    const std::int64_t nanoseconds = steady_nanoseconds();
    const std::int64_t took = ticks_after() - before;
    if (took >= shortest) continue;
    shortest = took;
    best = {before + took / 2, nanoseconds};
  }
  return best;
}

namespace {

double measure_seconds_per_tick() {
  if (!ticks_of_processor) return 1e-9;
  constexpr std::int64_t least = 1'000'000;
  const ClockAnchor first = look_at_both_clocks();
  ClockAnchor last = first;
  while (last.nanoseconds - first.nanoseconds < least) last = look_at_both_clocks();
  return 1e-9 * static_cast<double>(last.nanoseconds - first.nanoseconds) /
         static_cast<double>(last.ticks - first.ticks);
}

}  // namespace

double seconds_per_tick() {
  static const double seconds = measure_seconds_per_tick();
  return seconds;
}

TickConversion::TickConversion(std::vector<ClockAnchor> anchors) : anchors_(std::move(anchors)) {}

std::int64_t TickConversion::operator()(std::int64_t ticks) const {
  auto end = anchors_.begin() + 1;  // of the line that the ticks are on
  while (end + 1 != anchors_.end() && end->ticks < ticks) ++end;
  const ClockAnchor &from = *(end - 1), &to = *end;
  if (to.ticks == from.ticks) return from.nanoseconds;
  const double slope = static_cast<double>(to.nanoseconds - from.nanoseconds) /
                       static_cast<double>(to.ticks - from.ticks);
  return from.nanoseconds + std::llround(slope * static_cast<double>(ticks - from.ticks));
}

}  // namespace colonnade
