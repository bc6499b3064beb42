// Where ranks that are threads meet, and how they are woken when one of them fails. A collective is
// enter(), after which the ranks read and write one another's memory, and leave(), after which a
// rank's buffers are its own again.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "colonnade/fingerprint.hpp"

namespace colonnade {

/// Thrown in ranks that wait for one that failed; spawn() reports the failure itself.
struct Abandoned {};

class Hub;

/// What all ranks of a spawned world share.
class World {
 public:
  explicit World(int size);

  /// More ranks than cores: one that waits must let the others run.
  bool is_crowded() const { return crowded_; }

  /// Keeps the failure, if it is the first, and wakes all who wait.
  void fail(std::exception_ptr failure);
  const std::exception_ptr& first_failure() const { return first_failure_; }

 private:
  friend class Hub;
  bool crowded_;
  std::mutex mutex_;
  std::exception_ptr first_failure_;
  std::vector<std::weak_ptr<Hub>> hubs_;
};

/// Where the ranks of one group meet.
class Hub {
 public:
  /// What a rank shows the others.
  struct alignas(64) Seat {
    static constexpr std::size_t small_bytes = 4096;

    const void* read = nullptr;  // its buffer, between enter and leave
    void* written = nullptr;     // the same, where others write into it
    // What can stay where it is saves the leave(). There are two slots, which meetings use in turn:
    // a rank may fill the same slot again two meetings later, for it has then been through the
    // enter() of the one between, and nobody enters that before it has done with the slot.

    alignas(64) std::array<Fingerprint, 2> announced;  // what the rank enters for
    /// Copies of small buffers.
    alignas(64) std::array<std::array<std::byte, small_bytes>, 2> small;
  };

  static std::shared_ptr<Hub> make(const std::shared_ptr<World>& world, int size);

  Hub(std::shared_ptr<World> world, int size)
      : world_(std::move(world)), seats_(static_cast<std::size_t>(size)) {}

  int size() const { return static_cast<int>(seats_.size()); }
  const std::shared_ptr<World>& world() const { return world_; }
  Seat& seat(int rank) { return seats_[static_cast<std::size_t>(rank)]; }
  const Seat& seat(int rank) const { return seats_[static_cast<std::size_t>(rank)]; }

  /// Returns once all ranks have called it; what they wrote before is then seen by all. Throws
  /// Abandoned if a rank of the world failed: either it returns on all ranks of the hub, or on
  /// none.
  void enter();

  /// The same, but waits even if a rank has failed. The others entered, so that they will come; and
  /// as long as they haven't they may be reading this rank's buffers, which an exception would
  /// free. So between enter and leave nothing may throw.
  void leave();

  /// Ends the wait of all who have entered in part.
  void give_up();

 private:
  // The number of the meeting; the lowest bit says that no more can be entered.
  static constexpr std::uint32_t given_up = 1, next = 2;
  static bool ended(std::uint32_t meeting, std::uint32_t now) {
    return (now | given_up) != (meeting | given_up);
  }

  bool is_last() { return arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == seats_.size(); }
  std::uint32_t wait_for_change(std::uint32_t seen) const;

  std::shared_ptr<World> world_;
  std::vector<Seat> seats_;
  alignas(64) std::atomic<std::uint32_t> arrived_ = 0;
  alignas(64) std::atomic<std::uint32_t> meeting_ = 0;
};

}  // namespace colonnade
