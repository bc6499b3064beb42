// Memory for the time of a collective.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <utility>

#include "colonnade/memory.hpp"
#include "colonnade/shard.hpp"

namespace colonnade::gpu {

/// Bytes of a memory resource, given back at the end. Nothing is written there.
class Block {
 public:
  Block() = default;
  Block(std::pmr::memory_resource& memory, Index bytes)
      : memory_(&memory), bytes_(static_cast<std::size_t>(bytes)) {
    if (bytes_ > 0) address_ = memory_->allocate(bytes_, tensor_alignment);
  }
  Block(Block&& other) noexcept { *this = std::move(other); }
  Block& operator=(Block&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Block() {
    if (address_ != nullptr) memory_->deallocate(address_, bytes_, tensor_alignment);
  }

  void* get() const { return address_; }

 private:
  std::pmr::memory_resource* memory_ = nullptr;
  void* address_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace colonnade::gpu
