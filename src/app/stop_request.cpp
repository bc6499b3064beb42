#include "app/stop_request.hpp"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace colonnade::app {

namespace {

// A handler can reach nothing but what is global, and only without locks.
std::atomic<int> signal_received = 0;
std::atomic<std::int64_t> first_interrupt_ms = 0;
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

extern "C" void note_signal(int number) {
  // One Ctrl-C can arrive twice: from the terminal and, passed on, from mpiexec.
  constexpr std::int64_t one_key_press_ms = 500;
  const int error = errno;
  const std::int64_t now = milliseconds();
  std::int64_t first = 0;
  if (number == SIGINT && !first_interrupt_ms.compare_exchange_strong(first, now) &&
      now - first > one_key_press_ms) {
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
  }
  signal_received = number;
  errno = error;
}

std::string name_of(int number) {
  switch (number) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    default:
      return "SIGUSR1";
  }
}

}  // namespace

StopRequest::StopRequest(double time_limit) : time_limit_(time_limit) {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // a write or a message that is under way goes on
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaction(number, &action, nullptr);
}

bool StopRequest::is_late() const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
  return time_limit_ > 0 && elapsed.count() >= time_limit_;
}

bool StopRequest::is_there() const {
  return signal_received != 0 || is_late();
}

std::string StopRequest::reason(ProcessGroup& world) const {
  const std::int64_t number =
      world.all_reduce(std::int64_t{signal_received.load()}, Reduction::max);
  return number == 0 ? "at --time-limit" : "by " + name_of(static_cast<int>(number));
}

}  // namespace colonnade::app
