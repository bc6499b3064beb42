// The ranks of a group that have memory in common: threads of one process, or processes of a node.
// They meet, show one another where their buffers lie, and place tensors where all see them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "colonnade/transport.hpp"
#include "common_memory.hpp"
#include "meeting.hpp"

namespace colonnade {

/// Where a buffer of a rank lies, for the others to find it.
struct Sight {
  enum class Kind : std::uint64_t { hidden, own, common };
  Kind kind = Kind::hidden;
  std::uint64_t place = 0;  // an address of the one process there is, or a place in CommonMemory
};

/// What a rank says before it enters a meeting.
struct Entry {
  Fingerprint call;
  Sight sight;                // of its buffer
  std::uint64_t history = 0;  // of its CommonMemory
};

/// What a rank shows the others.
struct Seat {
  /// Buffers up to this size are copied into a slot: they need only one meeting.
  static constexpr std::size_t small_bytes = 4096;
  /// Hidden buffers pass through a slot in parts of this size.
  static constexpr std::size_t slot_bytes = 128 * 1024;

  // There are two of each, which meetings use in turn: a rank may fill the same again two meetings
  // later, for it has then been through the meeting between, and nobody enters that before it has
  // done with this one.

  alignas(64) std::array<Entry, 2> entries;
  alignas(64) std::array<std::array<std::byte, slot_bytes>, 2> slots;
};

/// What all ranks of a group see: where they meet, and their seats after it.
class Board {
 public:
  /// Sets up the board of so many ranks in bytes(ranks) zeroed bytes. One rank does, for all.
  static void make(std::byte* memory, int ranks);
  static std::size_t bytes(int ranks) {
    return sizeof(Meeting) + sizeof(Seat) * static_cast<std::size_t>(ranks);
  }

  explicit Board(SharedBlock memory) : memory_(std::move(memory)) {}
  Meeting& meeting() { return *reinterpret_cast<Meeting*>(memory_.data.get()); }
  Seat& seat(int rank) {
    return reinterpret_cast<Seat*>(memory_.data.get() + sizeof(Meeting))[rank];
  }

 private:
  static_assert(sizeof(Meeting) % alignof(Seat) == 0);
  SharedBlock memory_;
};

/// A group of such ranks, as one of them sees it.
class Node {
 public:
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Says what this rank calls next, to be compared at the next meeting.
  void announce(const Fingerprint& next);
  const Fingerprint& announced() { return next_entry().call; }

  /// From now on waits for common memory are written there.
  void watch(std::shared_ptr<Place> place) { place_ = std::move(place); }

  /// Shows the others a buffer at the next meeting.
  void show(const void* buffer);

  /// Meets the others, and compares what all have announced. Each rank sees the same, so that all
  /// throw or none: this alone may be thrown between enter and leave, for nobody goes on to read
  /// the buffers that it frees.
  void enter();
  /// Meets those who entered: what this rank has shown is its own again.
  void leave();
  /// Meets the others within a collective, where all are known to be.
  void meet();

  // What ranks have shown at the last meeting.

  /// Where this rank finds the buffer of a peer.
  std::byte* shown(int peer) { return find(met_entry(peer).sight); }
  /// Whether all ranks can read what each has shown.
  bool sees_what_is_shown();
  /// Whether what all have shown is the same memory. Throws on all ranks if they don't agree on the
  /// places of it.
  bool all_are_one();

  // A rank's own for the next meeting, and anybody's of the last. Seat says how long.

  std::byte* next_slot() { return board_.seat(rank_).slots[turn_].data(); }
  const std::byte* met_slot(int rank) { return board_.seat(rank).slots[1 - turn_].data(); }

  /// One small value of each rank, in rank order. Collective.
  template <class T>
  std::vector<T> exchange(const T& own) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= Seat::small_bytes);
    std::memcpy(next_slot(), &own, sizeof(T));
    meet();
    std::vector<T> all(static_cast<std::size_t>(size_));
    for (int rank = 0; rank < size_; ++rank)
      std::memcpy(&all[static_cast<std::size_t>(rank)], met_slot(rank), sizeof(T));
    return all;
  }

  // Transport says what lives there.

  CommonMemory& common_memory() { return common_; }
  VisibleMemory& visible_memory() { return visible_; }

 protected:
  Node(Board board, int rank, int size, Waiting waiting);

  /// Another block that all ranks see. Collective: it throws std::bad_alloc on all ranks or on
  /// none. Ranks have met for it.
  virtual SharedBlock share_block(std::size_t bytes) = 0;

  /// Whether the others can read any address of this rank.
  virtual bool sees_all() const = 0;

 private:
  Entry& next_entry() { return board_.seat(rank_).entries[turn_]; }
  const Entry& met_entry(int rank) { return board_.seat(rank).entries[1 - turn_]; }

  SharedBlock grow_common_memory(std::size_t bytes);
  void meet_for_common_memory(std::size_t bytes);
  std::byte* find(const Sight& sight) const;

  Board board_;
  int rank_;
  int size_;
  Waiting waiting_;
  std::int32_t world_rank_;       // for messages
  std::shared_ptr<Place> place_;  // null: nobody watches
  std::size_t turn_ = 0;          // which of a seat's two slots the next meeting uses
  std::uint64_t meetings_ = 0;
  CommonMemory common_;
  VisibleMemory visible_;
};

}  // namespace colonnade
