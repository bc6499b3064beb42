// Where the ranks of a group meet, in memory that all of them see: threads of one process, or
// processes of one node.
#pragma once

#include <atomic>
#include <cstdint>

namespace colonnade {

/// Thrown in ranks that wait for one that failed, by Meeting::enter.
struct Abandoned {};

/// More ranks than cores: one that waits must let the others run.
bool is_crowded(int ranks);

/// How a rank waits for others.
struct Waiting {
  bool crowded = false;  // more ranks than cores
  /// What is to be done now and then in a long wait, if anything. It must not throw.
  void (*meanwhile)() = nullptr;
};

/// A barrier of `ranks` ranks. One that waits looks for a moment, and then sleeps. Its bytes mean
/// the same in every process, and are all zero at first.
class Meeting {
 public:
  /// Returns once all ranks have called it; what they wrote before is then seen by all. Throws
  /// Abandoned if somebody gave up: either it returns on all ranks, or on none.
  void enter(int ranks, const Waiting& how);

  /// The same, but waits even if somebody has given up. The others entered, so that they will come;
  /// and as long as they haven't they may be reading this rank's buffers, which an exception would
  /// free. So between enter and leave nothing may throw.
  void leave(int ranks, const Waiting& how);

  /// Ends the wait of all who have entered in part, and lets nobody enter any more.
  void give_up();

 private:
  // The number of the meeting; the lowest bit says that no more can be entered.
  static constexpr std::uint32_t given_up = 1, next = 2;
  static bool ended(std::uint32_t meeting, std::uint32_t now) {
    return (now | given_up) != (meeting | given_up);
  }

  bool is_last(int ranks) {
    return arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 ==
           static_cast<std::uint32_t>(ranks);
  }
  std::uint32_t wait_for_change(std::uint32_t seen, const Waiting& how);
  void wake();

  alignas(64) std::atomic<std::uint32_t> arrived_ = 0;
  alignas(64) std::atomic<std::uint32_t> number_ = 0;
  std::atomic<std::uint32_t> sleepers_ = 0;
};

}  // namespace colonnade
