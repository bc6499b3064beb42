// The clock of spans beside the system's: how the two are converted, and that neither time nor
// order is lost on the way.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "colonnade/ticks.hpp"
#include "harness.hpp"

using namespace colonnade;

TEST_CASE("ticks between anchors lie on lines, those beside them on the nearest one") {
  const TickConversion nanoseconds({{1000, 50}, {3000, 1050}, {4000, 2050}});
  CHECK(nanoseconds(1000) == 50);
  CHECK(nanoseconds(2000) == 550);
  CHECK(nanoseconds(3000) == 1050);
  CHECK(nanoseconds(3001) == 1051);
  CHECK(nanoseconds(4000) == 2050);
  CHECK(nanoseconds(800) == -50);
  CHECK(nanoseconds(4500) == 2550);
}

TEST_CASE("anchors of one tick give their nanosecond") {
  const TickConversion nanoseconds({{1000, 50}, {1000, 50}});
  CHECK(nanoseconds(1000) == 50);
}

TEST_CASE("a later tick is never an earlier nanosecond, and no precision is lost after years") {
  constexpr std::int64_t years = 3'000'000'000 * std::int64_t{86'400} * 1000;
  const TickConversion nanoseconds({{years, years / 3},
                                    {years + 1'000'000, years / 3 + 333'400},
                                    {years + 1'000'900, years / 3 + 333'650}});
  std::int64_t last = nanoseconds(years - 100);
  for (std::int64_t ticks = years - 99; ticks < years + 1'001'000; ++ticks) {
    const std::int64_t now = nanoseconds(ticks);
    if (now >= last && now - last <= 1) {
      last = now;
      continue;
    }
    FAIL_CHECK("tick " << ticks - years << " is at " << now << ", the one before at " << last);
    break;
  }
}

TEST_CASE("converted ticks are the steady clock's nanoseconds") {
  const ClockAnchor first = look_at_both_clocks();
  struct Look {
    std::int64_t before, ticks, after;
  };
  std::vector<Look> looks;
  for (int i = 0; i < 40; ++i) {
    looks.push_back({steady_nanoseconds(), ticks_after(), 0});
    looks.back().after = steady_nanoseconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const TickConversion nanoseconds({first, look_at_both_clocks()});
  // Each look lies between two of the steady clock, which may be far apart where the system runs
  // something else. An anchor is wrong by less than the shortest of its looks, some 50 ns.
  constexpr std::int64_t anchors = 2000;
  for (const Look& look : looks) {
    CHECK(look.before - anchors <= nanoseconds(look.ticks));
    CHECK(nanoseconds(look.ticks) <= look.after + anchors);
  }
}

TEST_CASE("a tick is as long as it is said to be") {
  const ClockAnchor first = look_at_both_clocks();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const ClockAnchor last = look_at_both_clocks();
  const double seconds = static_cast<double>(last.ticks - first.ticks) * seconds_per_tick();
  const double wanted = 1e-9 * static_cast<double>(last.nanoseconds - first.nanoseconds);
  CHECK(std::abs(seconds - wanted) <= 0.01 * wanted);
}

TEST_CASE("ticks of a thread never go back, on whatever core it runs") {
  std::int64_t last = ticks_after();
  for (int i = 0; i < 100'000; ++i) {
    if (i % 1000 == 0) std::this_thread::yield();
    const std::int64_t now = ticks_after();
    if (now < last) FAIL_CHECK("from " << last << " back to " << now);
    last = now;
  }
}
