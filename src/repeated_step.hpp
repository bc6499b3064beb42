// Steps of one shape, which are done again as they were recorded.
#pragma once

#include <memory>
#include <memory_resource>
#include <vector>

#include "colonnade/training_step.hpp"
#include "replay.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Hands out one address, which is somebody else's.
class LentMemory final : public std::pmr::memory_resource {
 public:
  explicit LentMemory(Scalar* address) : address_(address) {}

 private:
  void* do_allocate(std::size_t /*bytes*/, std::size_t /*alignment*/) override { return address_; }
  void do_deallocate(void* /*address*/, std::size_t /*bytes*/, std::size_t /*alignment*/) override {
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  Scalar* address_;
};

struct TrainingStep::Repeated {
  Repeated(ConstMatrixView x_shape, ConstMatrixView t_shape, std::unique_ptr<Replay> replay_of_step)
      : x(x_shape.rows, x_shape.cols),
        t(t_shape.rows, t_shape.cols),
        x_memory(x.data()),
        t_memory(t.data()),
        replay(std::move(replay_of_step)) {}

  /// What the step takes and gives back, without a copy.
  Tensor lent_x() { return {x.rows(), x.cols(), &x_memory}; }
  Tensor lent_t() { return {t.rows(), t.cols(), &t_memory}; }

  Tensor x, t;  // where every step finds its batch
  LentMemory x_memory, t_memory;
  std::unique_ptr<Replay> replay;
  int seen = 0;  // steps so far that were not recorded
  bool recorded = false;
  std::vector<bool> grad_is_zero;  // of each parameter, as the step began that was recorded
};

}  // namespace colonnade::inline COLONNADE_PRECISION
