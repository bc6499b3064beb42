// Where the memory of tensors comes from. Both kinds are std::pmr::memory_resource, so a tensor, or
// any standard container with a polymorphic allocator, can live in either.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <vector>

namespace colonnade {

/// Every tensor starts at a multiple of this many bytes: a cache line, and the widest vector.
inline constexpr std::size_t tensor_alignment = 64;

/// Aligned memory from the system, large blocks in huge pages where there are any; the default of a
/// tensor. Safe to use from any thread.
std::pmr::memory_resource* system_memory();

/// Keeps what is given back and hands it out again: a training step that asks for the same sizes in
/// the same order as the step before costs no system allocation at all. A request takes the
/// smallest kept block that fits without wasting more than half of it. Not for use from several
/// threads.
class RecyclingMemory final : public std::pmr::memory_resource {
 public:
  explicit RecyclingMemory(std::pmr::memory_resource* upstream = system_memory());
  ~RecyclingMemory() override;
  RecyclingMemory(const RecyclingMemory&) = delete;
  RecyclingMemory& operator=(const RecyclingMemory&) = delete;

  /// Bytes asked of upstream and not yet returned to it: in use or kept.
  std::size_t bytes_held() const { return bytes_held_; }

 private:
  struct Block {
    void* address;
    std::size_t bytes;
  };

 public:
  /// Sets apart what is handed out from its begin to close(), for work that a device will do again
  /// at the same addresses: what was given back by then is nobody else's until the reservation
  /// ends. One at a time is open, and none outlives its memory.
  class Reservation {
   public:
    explicit Reservation(RecyclingMemory& memory);
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation();
    void close();

   private:
    friend class RecyclingMemory;
    RecyclingMemory* memory_;
    std::vector<Block> blocks_;
  };

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  void keep(const Block& block);

  std::pmr::memory_resource* upstream_;
  std::vector<Block> free_;  // ordered by size
  std::vector<Block> used_;  // a step holds a few dozen blocks: a scan beats a hash table
  std::size_t bytes_held_ = 0;
  Reservation* open_ = nullptr;
};

}  // namespace colonnade
