// Numbers in device memory, for tests that look at them.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "colonnade/memory.hpp"

namespace harness {

/// Copies within it are those of device_memory.hpp, and so not done before they are due.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values)
      : count_(values.size()),
        address_(colonnade::device_memory()->allocate(bytes(), colonnade::tensor_alignment)) {
    colonnade::copy_bytes(values.data(), address_, count_ * sizeof(T));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
    colonnade::device_memory()->deallocate(address_, bytes(), colonnade::tensor_alignment);
  }

  std::span<T> span() { return {static_cast<T*>(address_), count_}; }
  std::span<const T> span() const { return {static_cast<const T*>(address_), count_}; }

  /// Has those of an array of the same length when all ops so far are done.
  void copy_from(const DeviceArray& other) {
    colonnade::copy_bytes(other.address_, address_, count_ * sizeof(T));
  }

  std::vector<T> values() const {
    std::vector<T> result(count_);
    colonnade::copy_bytes(address_, result.data(), count_ * sizeof(T));
    return result;
  }

 private:
  std::size_t bytes() const { return std::max<std::size_t>(1, count_) * sizeof(T); }

  std::size_t count_;
  void* address_;
};

}  // namespace harness
