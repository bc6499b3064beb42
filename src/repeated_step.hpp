// Steps of one shape, which are done again as they were recorded.
#pragma once

#include <list>
#include <memory>
#include <memory_resource>
#include <vector>

#include "colonnade/backend.hpp"
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

/// What a step takes of a group: memory, which it keeps, and calls, which each repetition counts.
class GroupUse {
 public:
  explicit GroupUse(ProcessGroup& group)
      : group_(&group), memory_(group.reserve_memory()), calls_(so_far()) {}

  /// The step is recorded.
  void close();
  void count_again() { group_->count_again(calls_); }

 private:
  std::vector<Account> so_far() const {
    return {group_->accounts().begin(), group_->accounts().end()};
  }

  ProcessGroup* group_;
  RecyclingMemory::Reservation memory_;
  std::vector<Account> calls_;  // before the step; from close() on those of the step
};

struct TrainingStep::Repeated {
  Repeated(ConstMatrixView x_shape, ConstMatrixView t_shape, BatchPart part_of_batch,
           std::unique_ptr<Replay> replay_of_step)
      : part(part_of_batch),
        x(x_shape.rows, x_shape.cols),
        t(t_shape.rows, t_shape.cols),
        x_memory(x.data()),
        t_memory(t.data()),
        replay(std::move(replay_of_step)) {}

  /// What the step takes and gives back, without a copy.
  Tensor lent_x() { return {x.rows(), x.cols(), &x_memory}; }
  Tensor lent_t() { return {t.rows(), t.cols(), &t_memory}; }

  BatchPart part;
  Math math_of_products = math();
  Tensor x, t;  // where every step finds its batch
  LentMemory x_memory, t_memory;
  std::unique_ptr<Replay> replay;
  int seen = 0;  // steps so far that were not recorded
  bool recorded = false;
  std::list<GroupUse> uses;        // of each group that the recorded step communicates in
  std::vector<bool> grad_is_zero;  // of each parameter, as the step began that was recorded
};

}  // namespace colonnade::inline COLONNADE_PRECISION
