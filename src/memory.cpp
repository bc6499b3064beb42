#include "colonnade/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace colonnade {

namespace {

/// A large page of x86, and of most others.
constexpr std::size_t huge_page = 2 * 1024 * 1024;

/// Large blocks begin at a huge page and ask for such: a processor knows the places of few pages at
/// a time, and products and passes over memory go through thousands. Only whole pages of a block
/// become huge, so that it never takes more memory than it has bytes.
class SystemMemory final : public std::pmr::memory_resource {
  static std::align_val_t at(std::size_t bytes, std::size_t alignment) {
    return std::align_val_t(bytes < huge_page ? alignment : std::max(alignment, huge_page));
  }
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* const address = ::operator new(bytes, at(bytes, alignment));
#ifdef MADV_HUGEPAGE
    // Where the system gives no such pages it stays with small ones.
    if (bytes >= huge_page) madvise(address, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return address;
  }
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override {
    ::operator delete(address, at(bytes, alignment));
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

}  // namespace

std::pmr::memory_resource* system_memory() {
  static SystemMemory* const memory = new SystemMemory;  // outlives what threads keep to their end
  return memory;
}

RecyclingMemory::RecyclingMemory(std::pmr::memory_resource* upstream) : upstream_(upstream) {
  free_.reserve(256);
  used_.reserve(256);
}

RecyclingMemory::~RecyclingMemory() {
  for (const Block& block : free_)
    upstream_->deallocate(block.address, block.bytes, tensor_alignment);
}

void* RecyclingMemory::do_allocate(std::size_t bytes, std::size_t /*alignment*/) {
  const auto smallest_fit =
      std::lower_bound(free_.begin(), free_.end(), bytes,
                       [](const Block& block, std::size_t wanted) { return block.bytes < wanted; });
  if (smallest_fit != free_.end() && smallest_fit->bytes / 2 <= bytes) {
    used_.push_back(*smallest_fit);
    free_.erase(smallest_fit);
  } else {
    used_.push_back({upstream_->allocate(bytes, tensor_alignment), bytes});
    bytes_held_ += bytes;
  }
  if (open_ != nullptr) open_->blocks_.push_back(used_.back());
  return used_.back().address;
}

void RecyclingMemory::do_deallocate(void* address, std::size_t /*bytes*/,
                                    std::size_t /*alignment*/) {
  // What was taken last is mostly given back first, so the search starts at the end.
  const auto found = std::find_if(used_.rbegin(), used_.rend(),
                                  [=](const Block& block) { return block.address == address; });
  assert(found != used_.rend());
  const Block block = *found;
  *found = used_.back();
  used_.pop_back();
  keep(block);
}

void RecyclingMemory::keep(const Block& block) {
  const auto place =
      std::lower_bound(free_.begin(), free_.end(), block.bytes,
                       [](const Block& kept, std::size_t size) { return kept.bytes < size; });
  free_.insert(place, block);
}

RecyclingMemory::Reservation::Reservation(RecyclingMemory& memory) : memory_(&memory) {
  assert(memory.open_ == nullptr);
  memory.open_ = this;
}

// A block may have been handed out several times, and what is still in use is in good hands.
void RecyclingMemory::Reservation::close() {
  memory_->open_ = nullptr;
  const auto noted = [this](const Block& block) {
    return std::any_of(blocks_.begin(), blocks_.end(),
                       [&](const Block& own) { return own.address == block.address; });
  };
  const auto set_apart = std::stable_partition(memory_->free_.begin(), memory_->free_.end(),
                                               [&](const Block& block) { return !noted(block); });
  blocks_.assign(set_apart, memory_->free_.end());
  memory_->free_.erase(set_apart, memory_->free_.end());
}

RecyclingMemory::Reservation::~Reservation() {
  if (memory_->open_ == this) close();
  for (const Block& block : blocks_) memory_->keep(block);
}

}  // namespace colonnade
