// The clock of spans: the processor's time-stamp counter where that is as good as the system's
// clock, which costs twice as much to look at, and steady_clock elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace colonnade {

/// Whether ticks are those of the processor's counter: it never stops nor changes its pace, and the
/// system keeps time by it, which says that all cores count alike. Else ticks are nanoseconds of
/// steady_clock.
extern const bool ticks_of_processor;

/// steady_clock, in nanoseconds. Processes of one host share it.
inline std::int64_t steady_nanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Now. The processor may look a little before what precedes it in the program is done; never after
/// others can see what follows.
inline std::int64_t ticks() {
#ifdef __x86_64__
  if (ticks_of_processor) return static_cast<std::int64_t>(__builtin_ia32_rdtsc());
#endif
  return steady_nanoseconds();
}

/// Now, and all that precedes it is done: where the answer of another rank is what was waited for.
inline std::int64_t ticks_after() {
#ifdef __x86_64__
  if (ticks_of_processor) {
    __builtin_ia32_lfence();
    return static_cast<std::int64_t>(__builtin_ia32_rdtsc());
  }
#endif
  return steady_nanoseconds();
}

/// Good to some 20 millionths: measured once, over a millisecond at least. For times that are added
/// up, not for dates.
double seconds_per_tick();

/// One moment on both clocks, to some nanoseconds.
struct ClockAnchor {
  std::int64_t ticks = 0;
  std::int64_t nanoseconds = 0;  // of steady_clock
};
ClockAnchor look_at_both_clocks();

/// From ticks to nanoseconds of steady_clock, along lines from anchor to anchor: so what the two
/// clocks drift apart is corrected, and a later tick is never an earlier nanosecond.
class TickConversion {
 public:
  /// Two anchors at least, in their order. Best for ticks between the first and the last.
  explicit TickConversion(std::vector<ClockAnchor> anchors);

  std::int64_t operator()(std::int64_t ticks) const;

 private:
  std::vector<ClockAnchor> anchors_;
};

}  // namespace colonnade
