// Device memory that a thread's ops keep from call to call: a training step asks for none after the
// first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "colonnade/shard.hpp"

namespace colonnade::gpu {

/// For one purpose of one thread, as a static thread_local. Ops of a thread follow one another, so
/// each may use all of it.
class Scratch {
 public:
  /// Takes some at once: what device_memory() keeps for the thread is then made before this, and
  /// still there when this gives back its own at the thread's end.
  explicit Scratch(std::size_t bytes = 256)
      : bytes_(bytes), data_(device_memory()->allocate(bytes)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    for (const auto& [bytes, data] : outgrown_) device_memory()->deallocate(data, bytes);
    device_memory()->deallocate(data_, bytes_);
  }

  /// Room for `count` numbers, whose values are undefined. What an earlier call returned is gone.
  ///
  /// It is never made less: what is too small is kept, for work that was recorded goes on using it.
  /// Since the next is twice as large at least, all that is kept is no more than what is used.
  template <class Number>
  Number* reserve(Index count) {
    const std::size_t wanted = static_cast<std::size_t>(count) * sizeof(Number);
    if (wanted > bytes_) {
      const std::size_t bytes = std::max(wanted, 2 * bytes_);
      void* const data = device_memory()->allocate(bytes);
      outgrown_.emplace_back(std::exchange(bytes_, bytes), std::exchange(data_, data));
    }
    return static_cast<Number*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  void* data_;
  std::vector<std::pair<std::size_t, void*>> outgrown_;
};

}  // namespace colonnade::gpu
