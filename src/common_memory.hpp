// Memory that the ranks of a node have in common, and where in it each tensor lies. No rank asks
// another where: all of them take and give back the same sizes in the same order, so that each
// arrives at the same places by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

namespace colonnade {

/// Zeroed bytes that several ranks see, at addresses of each rank's own.
struct SharedBlock {
  std::shared_ptr<std::byte> data;
  std::size_t bytes = 0;
};

/// Tensors that all ranks see. What lies at a place is the same memory on every rank: each writes
/// its own part and reads all after the next meeting.
///
/// A place that is given back is free after the next meeting: by then every rank has given it back
/// and none reads it any more. Free neighbours become one, and a tensor takes the smallest that it
/// fits into.
class CommonMemory final : public std::pmr::memory_resource {
 public:
  /// What the ranks do together. Both happen on all ranks at the same point of their takes and
  /// gives, or throw on all.
  struct Together {
    std::function<SharedBlock(std::size_t)> grow;  // another block, of so many bytes
    std::function<void(std::size_t)> meet;         // for a tensor of so many bytes
  };

  /// `meetings` is how many this rank has been through.
  CommonMemory(Together together, const std::uint64_t& meetings)
      : together_(std::move(together)), meetings_(meetings) {}
  CommonMemory(const CommonMemory&) = delete;
  CommonMemory& operator=(const CommonMemory&) = delete;

  /// A tensor of `bytes` for all ranks, or one of `bytes` for each of them, one after the other.
  struct Room {
    std::size_t bytes;
    std::size_t tensors;
    bool operator==(const Room&) const = default;
  };
  /// The first byte of the room. What each rank had a part of is taken again without a meeting by
  /// tensors of the same size: no rank reads another's part but in a collective, so that each may
  /// write to its own as soon as it has given it back.
  std::byte* take(Room room);
  void give_back(const std::byte* begin, Room room);

  /// The place of this address, the same number on every rank; none if it is of other memory.
  std::optional<std::uint64_t> place_of(const void* address) const;
  std::byte* at(std::uint64_t place) const;

  /// Of all that was taken and given back so far: ranks for which it differs don't agree on places.
  std::uint64_t history() const { return history_; }

 private:
  struct Run {
    std::uint64_t begin, end;  // places
    std::uint64_t since;       // meetings
    Room room;                 // what was there
    bool is_free(std::uint64_t meetings) const { return since < meetings; }
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
  std::optional<std::uint64_t> take_again(Room room);
  std::optional<std::uint64_t> take_free(std::size_t space);
  std::uint64_t take_new(std::size_t space);
  std::size_t growth_for(std::size_t space, std::uint64_t meetings) const;
  void join_free();
  void take_out(std::size_t run, std::uint64_t begin, std::uint64_t end);
  void remember(std::uint64_t what) { history_ = (history_ ^ what) * 0x9e3779b97f4a7c15u + 1; }

  Together together_;
  const std::uint64_t& meetings_;
  std::vector<SharedBlock> blocks_;
  std::uint64_t used_to_ = 0;  // where the untouched rest of the last block begins,
  std::uint64_t end_ = 0;      // and ends
  std::vector<Run> runs_;      // given back, by place
  std::size_t tensors_ = 0;    // that are taken now
  std::uint64_t history_ = 0;
};

/// Tensors of each rank's own that the others can read: of the same size on all ranks.
class VisibleMemory final : public std::pmr::memory_resource {
 public:
  VisibleMemory(CommonMemory& common, int rank, int ranks)
      : common_(common),
        rank_(static_cast<std::size_t>(rank)),
        ranks_(static_cast<std::size_t>(ranks)) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  CommonMemory& common_;
  std::size_t rank_;
  std::size_t ranks_;
};

}  // namespace colonnade
