#include "meeting.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>
#include <thread>

namespace colonnade {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "it is shared between processes");

bool is_crowded(int ranks) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return ranks > CPU_COUNT(&cores);
  // There are more than a cpu_set_t can hold.
  return ranks > static_cast<int>(std::thread::hardware_concurrency());
}

void Meeting::enter(int ranks, const Waiting& how) {
  const std::uint32_t meeting = number_.load(std::memory_order_acquire);
  if ((meeting & given_up) != 0) throw Abandoned{};
  if (is_last(ranks)) {
    arrived_.store(0, std::memory_order_relaxed);
    std::uint32_t expected = meeting;
    if (!number_.compare_exchange_strong(expected, meeting + next)) throw Abandoned{};
    wake();
    return;
  }
  std::uint32_t now = meeting;
  while (!ended(meeting, now)) {
    if ((now & given_up) != 0) throw Abandoned{};
    now = wait_for_change(now, how);
  }
}

void Meeting::leave(int ranks, const Waiting& how) {
  const std::uint32_t meeting = number_.load(std::memory_order_acquire);
  if (is_last(ranks)) {
    arrived_.store(0, std::memory_order_relaxed);
    number_.fetch_add(next);
    wake();
    return;
  }
  std::uint32_t now = meeting;
  while (!ended(meeting, now)) now = wait_for_change(now, how);
}

void Meeting::give_up() {
  number_.fetch_or(given_up);
  wake();
}

// A peer that runs arrives within microseconds, and to sleep and be woken costs tens of them. A
// peer that doesn't run may need this core: then giving it away is faster than either. Who is late
// even so computes, and isn't kept from it.
std::uint32_t Meeting::wait_for_change(std::uint32_t seen, const Waiting& how) {
  const int tries = how.crowded ? 16 : 2000;
  for (int i = 0; i < tries; ++i) {
    const std::uint32_t now = number_.load(std::memory_order_acquire);
    if (now != seen) return now;
    if (how.crowded) {
      sched_yield();
    } else {
#ifdef __x86_64__
      __builtin_ia32_pause();
#endif
    }
  }
  // Either who changes the number sees a sleeper, or the kernel sees the change: all of these are
  // sequentially consistent. std::atomic's own wait is for threads of one process only.
  const timespec moment = {.tv_sec = 0, .tv_nsec = 1'000'000};
  sleepers_.fetch_add(1);
  syscall(SYS_futex, &number_, FUTEX_WAIT, seen, how.meanwhile != nullptr ? &moment : nullptr,
          nullptr, 0);
  sleepers_.fetch_sub(1);
  if (how.meanwhile != nullptr) how.meanwhile();
  return number_.load(std::memory_order_acquire);
}

void Meeting::wake() {
  if (sleepers_.load() > 0) syscall(SYS_futex, &number_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace colonnade
