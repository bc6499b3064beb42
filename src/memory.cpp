#include "colonnade/memory.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace colonnade {

std::pmr::memory_resource* system_memory() {
  return std::pmr::new_delete_resource();
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
  const auto place =
      std::lower_bound(free_.begin(), free_.end(), block.bytes,
                       [](const Block& kept, std::size_t size) { return kept.bytes < size; });
  free_.insert(place, block);
}

}  // namespace colonnade
