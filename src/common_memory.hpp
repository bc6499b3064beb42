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
/// A place that is given back is taken again only after a meeting: by then every rank has given it
/// back and none reads it any more.
class CommonMemory final : public std::pmr::memory_resource {
 public:
  /// `grow` gives another block of so many bytes, the same to all ranks, or throws on all;
  /// `meetings` is how many this rank has been through.
  CommonMemory(std::function<SharedBlock(std::size_t)> grow, const std::uint64_t& meetings)
      : grow_(std::move(grow)), meetings_(meetings) {}
  CommonMemory(const CommonMemory&) = delete;
  CommonMemory& operator=(const CommonMemory&) = delete;

  /// The place of this address, the same number on every rank; none if it is of other memory.
  std::optional<std::uint64_t> place_of(const void* address) const;
  std::byte* at(std::uint64_t place) const;

  /// Of all that was taken and given back so far: ranks for which it differs don't agree on places.
  std::uint64_t history() const { return history_; }

 private:
  struct Free {
    std::uint64_t place;
    std::size_t bytes;
    std::uint64_t since;  // meetings
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
  std::uint64_t take_new(std::size_t bytes);
  void remember(std::uint64_t what) { history_ = (history_ ^ what) * 0x9e3779b97f4a7c15u + 1; }

  std::function<SharedBlock(std::size_t)> grow_;
  const std::uint64_t& meetings_;
  std::vector<SharedBlock> blocks_;
  std::size_t used_ = 0;    // of the last block
  std::size_t taken_ = 0;   // places so far, free ones included
  std::vector<Free> free_;  // in the order given back
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
