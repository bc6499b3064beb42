// Collectives of ranks that have memory in common: threads of one process, or processes of a node.
// They meet, and then read from one another's memory what they need.
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

class NodeTransport : public Transport {
 public:
  int rank() const final { return rank_; }
  int size() const final { return size_; }

  void announce(const Fingerprint& next) final;
  void watch(std::shared_ptr<Place> place) final { place_ = std::move(place); }
  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) final;
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) final;
  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) final;
  void broadcast(void* buffer, Index count, DataType type, int root) final;
  void barrier() final { enter(); }
  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) final;
  void start_all_reduce(void* buffer, Index count, DataType type) final;
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) final;
  void progress() final {}
  void finish_first() final;
  std::pmr::memory_resource* common_memory() final { return &common_; }
  std::pmr::memory_resource* visible_memory() final { return &visible_; }

 protected:
  NodeTransport(Board board, int rank, int size, bool crowded);

  /// Another block that all ranks see. Collective: it throws std::bad_alloc on all ranks or on
  /// none. Ranks have met for it.
  virtual SharedBlock share_block(std::size_t bytes) = 0;

  /// Whether the others can read any address of this rank.
  virtual bool sees_all() const = 0;

  /// Meets the others, and compares what all have announced. Each rank sees the same, so that all
  /// throw or none: this alone may be thrown between enter and leave, for nobody goes on to read
  /// the buffers that it frees.
  void enter();
  void leave();

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

 private:
  /// Shows the others a buffer at the next meeting.
  void show(const void* buffer);
  /// Where this rank finds what a peer has shown at the last meeting.
  std::byte* shown(int peer) { return find(met_entry(peer).sight); }

  /// What was started: finish_first() does all of it.
  struct Started {
    Fingerprint call = {};
    const void* send = nullptr;  // of a reduce-scatter
    void* buffer = nullptr;
    Index count = 0;  // of an all-reduce
    Index unit = 1;
    DataType type = DataType::byte;
  };
  void keep(const Started& what, std::span<const Range> pieces);

  // This rank's of the next meeting, and any rank's of the last.
  Entry& next_entry() { return board_.seat(rank_).entries[turn_]; }
  std::byte* next_slot() { return board_.seat(rank_).slots[turn_].data(); }
  const Entry& met_entry(int rank) { return board_.seat(rank).entries[1 - turn_]; }
  const std::byte* met_slot(int rank) { return board_.seat(rank).slots[1 - turn_].data(); }

  void meet();
  SharedBlock grow_common_memory(std::size_t bytes);
  void meet_for_common_memory(std::size_t bytes);
  [[noreturn]] void refuse();
  std::byte* find(const Sight& sight) const;
  bool somebody_shows(Sight::Kind kind);
  bool all_are_one();

  void gather_through_slots(std::byte* buffer, std::span<const Range> pieces, std::size_t scale,
                            std::size_t longest);
  template <class T>
  void scatter_sums(const T* send, T* receive, std::span<const Range> pieces, Index unit);
  template <class T>
  void scatter_through_slots(const T* send, T* receive, std::span<const Range> pieces, Index unit);
  template <class T>
  void reduce_for_all(T* buffer, Index count, Reduction reduction);
  template <class T>
  void reduce_in_place(Range part, Reduction reduction);
  template <class T>
  void reduce_through_slots(T* buffer, Index count, Reduction reduction);

  Board board_;
  int rank_;
  int size_;
  bool crowded_;
  std::int32_t world_rank_;       // for messages
  std::shared_ptr<Place> place_;  // null: nobody watches
  std::size_t turn_ = 0;          // which of a seat's two slots the next meeting uses
  std::uint64_t meetings_ = 0;
  CommonMemory common_;
  VisibleMemory visible_;
  std::vector<Started> started_;          // in this order
  std::vector<Range> pieces_of_started_;  // size_ of each, an all-reduce's meaning nothing
};

}  // namespace colonnade
