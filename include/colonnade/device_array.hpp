// Numbers in device memory that are no matrix: what a step adds up, and what its ops are told.
#pragma once

#include <memory_resource>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "colonnade/memory.hpp"
#include "colonnade/shard.hpp"

namespace colonnade {

/// So many elements, owned. They have no defined value until they are written. Moving is free.
template <class T>
class DeviceArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceArray() = default;
  explicit DeviceArray(Index count, std::pmr::memory_resource* memory = device_memory())
      : memory_(memory) {
    const std::size_t size = static_cast<std::size_t>(count);
    if (size == 0) return;
    span_ = {static_cast<T*>(memory->allocate(size * sizeof(T), tensor_alignment)), size};
  }
  explicit DeviceArray(std::span<const T> values) : DeviceArray(std::ssize(values)) { set(values); }
  DeviceArray(DeviceArray&& other) noexcept
      : span_(std::exchange(other.span_, {})), memory_(std::exchange(other.memory_, nullptr)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(span_, other.span_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~DeviceArray() {
    if (!span_.empty()) memory_->deallocate(span_.data(), span_.size_bytes(), tensor_alignment);
  }

  /// For ops and collectives; the program reaches them where it reaches device memory.
  std::span<T> span() { return span_; }
  std::span<const T> span() const { return span_; }

  /// Copies as many elements from the program, or from elsewhere in device memory.
  void set(std::span<const T> values) {
    copy_bytes(values.data(), span_.data(), span_.size_bytes());
  }
  void set_zero() { zero_bytes(span_.data(), span_.size_bytes()); }

  /// A copy for the program, once all ops so far are done.
  std::vector<T> on_host() const {
    std::vector<T> copy(span_.size());
    copy_to_host(copy);
    return copy;
  }
  void copy_to_host(std::span<T> to) const {
    copy_bytes(span_.data(), to.data(), span_.size_bytes());
  }

 private:
  std::span<T> span_;
  std::pmr::memory_resource* memory_ = nullptr;
};

using Numbers = DeviceArray<double>;

}  // namespace colonnade
