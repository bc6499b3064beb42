// Doubles in device memory: what a step adds up, in double whatever Scalar is.
#pragma once

#include <memory_resource>
#include <span>
#include <utility>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "colonnade/shard.hpp"

namespace colonnade {

/// So many doubles, owned. They have no defined value until they are written. Moving is free.
class Numbers {
 public:
  Numbers() = default;
  explicit Numbers(Index count, std::pmr::memory_resource* memory = device_memory());
  Numbers(Numbers&& other) noexcept
      : span_(std::exchange(other.span_, {})), memory_(std::exchange(other.memory_, nullptr)) {}
  Numbers& operator=(Numbers&& other) noexcept {
    std::swap(span_, other.span_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~Numbers();

  /// For ops and collectives; the program reaches them where it reaches device memory.
  std::span<double> span() { return span_; }
  std::span<const double> span() const { return span_; }

  /// A copy for the program.
  std::vector<double> on_host() const;

 private:
  std::span<double> span_;
  std::pmr::memory_resource* memory_ = nullptr;
};

}  // namespace colonnade
