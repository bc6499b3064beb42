// The training loop: one step, one evaluation, and the epochs of both.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "colonnade/dataset.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/optimizer.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/schedule.hpp"

namespace colonnade {

struct TrainerOptions {
  Index batch = 128;
  std::int64_t epochs = 1;  // 0: as many as `steps` takes
  std::int64_t steps = 0;   // ends after so many optimizer steps; 0: after the epochs
  bool shuffle = true;
  std::uint64_t seed = 0;
  ScheduleKind schedule = ScheduleKind::constant;
  std::int64_t warmup = 0;
};

/// One optimizer step, as a log line has it.
struct StepReport {
  std::int64_t step = 0;         // from 1
  std::int64_t total_steps = 0;  // of the whole run
  std::int64_t epoch = 0;        // from 1
  double loss = 0;               // before the update
  double learning_rate = 0;
  Index rows = 0;         // samples in this batch
  double seconds = 0;     // all of the step, fetching the batch included
  Traffic communication;  // of this rank, waiting for others included
};

struct Evaluation {
  double loss = 0;
  std::optional<double>
      accuracy;  // where the data has classes: share of samples whose largest output is theirs
};

struct EpochReport {
  std::int64_t epoch = 0;  // from 1
  std::optional<Evaluation> test;
};

inline namespace COLONNADE_PRECISION {

/// Zeroes the gradients, runs forward, loss, backward, and updates the parameters at `factor` times
/// the learning rate. Returns the mean-square loss before the update. A loss that is not finite is
/// an agreed error and nothing is updated: y is replicated, so every rank sees the same loss. x [B,
/// in], t [B, out], the same on all ranks. Collective.
double training_step(Mlp& model, AdamW& optimizer, Tensor x, ConstMatrixView t, double factor = 1);

/// Mean-square loss and accuracy on all of `data`, `batch` rows at a time. Collective.
Evaluation evaluate(const Mlp& model, const Dataset& data, Index batch);

class Trainer {
 public:
  /// All arguments must outlive it; `test` may be null.
  Trainer(ProcessGroup& group, Mlp& model, AdamW& optimizer, const Dataset& train,
          const Dataset* test, const TrainerOptions& options);

  std::function<void(const StepReport&)> on_step = [](const StepReport&) {};
  /// After the last step of each epoch, and after the last step of the run.
  std::function<void(const EpochReport&)> on_epoch = [](const EpochReport&) {};

  std::int64_t total_steps() const { return schedule_.steps; }
  void run();

 private:
  /// One step on these rows of the training data.
  StepReport step(std::span<const Index> rows);

  ProcessGroup* group_;
  Mlp* model_;
  AdamW* optimizer_;
  const Dataset* train_;
  const Dataset* test_;
  TrainerOptions options_;
  Schedule schedule_;
  std::int64_t steps_done_ = 0;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
