// The training loop on a mesh of ranks: steps, evaluations, and the epochs of both.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "colonnade/dataset.hpp"
#include "colonnade/position.hpp"
#include "colonnade/schedule.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"

namespace colonnade {

struct TrainerOptions {
  Index batch = 128;
  std::int64_t epochs = 1;  // 0: as many as `steps` takes
  std::int64_t steps = 0;   // ends after so many optimizer steps; 0: after the epochs
  bool shuffle = true;
  std::uint64_t seed = 0;
  ScheduleKind schedule = ScheduleKind::constant;
  std::int64_t warmup = 0;
  std::int64_t decay = 0;  // steps in which warmup-stable-decay falls; 0: a fifth of all
  Index accumulate = 1;    // micro-batches that each data-parallel rank makes of its rows
  Index row_blocks = 0;    // exact mode: into which a batch is cut for any number of ranks; else 0
  OnNonfinite on_nonfinite = OnNonfinite::stop;
  UsedGradients gradients = UsedGradients::zero;  // keep: those of the last step are wanted
};

/// One optimizer step, as a log line has it.
struct StepReport {
  std::int64_t step = 0;         // from 1
  std::int64_t total_steps = 0;  // of the whole run
  std::int64_t epoch = 0;        // from 1
  double loss = 0;               // before the update
  double learning_rate = 0;
  Index rows = 0;                            // samples in this batch
  double seconds = 0;                        // all of the step, fetching the batch included
  Traffic communication;                     // of this rank, waiting for others included
  std::optional<double> gradient_norm = {};  // before clipping; none if the loss is not finite
  std::string skipped = {};                  // why nothing was updated; empty: there was an update
};

struct Evaluation {
  double loss = 0;
  std::optional<double>
      accuracy;  // where the data has classes: share of samples whose largest output is theirs
};

enum class RunEnd { complete, stopped };

struct EpochReport {
  std::int64_t epoch = 0;  // from 1
  std::optional<Evaluation> test;
};

inline namespace COLONNADE_PRECISION {

/// Loss and accuracy on all of `data`, `batch` rows at a time, each batch cut like those of
/// training. Collective over the mesh.
Evaluation evaluate(TrainingJob& job, const Dataset& data, Index batch, Index accumulate = 1,
                    Index row_blocks = 0);

class Trainer {
 public:
  /// All arguments must outlive it; `test` may be null.
  Trainer(TrainingJob& job, const Dataset& train, const Dataset* test,
          const TrainerOptions& options);

  /// Before each step, with the rows of its micro-batches on this rank.
  std::function<void(std::span<const Range>)> before_step = [](std::span<const Range>) {};
  std::function<void(const StepReport&)> on_step = [](const StepReport&) {};
  /// After the last step of each epoch, and after the last step of the run.
  std::function<void(const EpochReport&)> on_epoch = [](const EpochReport&) {};
  /// Asked in each step on each rank; if any says yes, all stop after that step.
  std::function<bool()> should_stop = [] { return false; };

  std::int64_t total_steps() const { return schedule_.steps; }

  /// Where the run stands; in on_step, after the step.
  const Position& position() const { return position_; }
  bool at_end_of_epoch() const { return position_.batch == batches_an_epoch_; }
  /// Goes on from there, and first of all evaluates if it is the end of an epoch or of the run.
  /// Throws for a position that this run can't have.
  void set_position(const Position& position);

  /// Until all steps are done, or one of the ranks wants to stop. A loss or a gradient that is not
  /// finite ends it with NonFinite, which says where the first such number is, and leaves the state
  /// before that step; or the step counts, but updates nothing (options.on_nonfinite).
  RunEnd run();

 private:
  /// One step on these rows of the training data.
  StepReport step(std::span<const Index> rows);
  void end_epoch();
  std::pair<Tensor, Tensor> batch_of(std::span<const Index> rows, Range part);
  StepResult compute_step(std::span<const Index> rows, double factor);

  TrainingJob* job_;
  TrainingStep training_step_;
  const Dataset* train_;
  const Dataset* test_;
  TrainerOptions options_;
  Schedule schedule_;
  std::vector<Range> parts_;  // micro-batches of a batch of parts_rows_ rows
  Index parts_rows_ = -1;
  std::int64_t batches_an_epoch_ = 0;
  Position position_;
  bool stopped_ = false;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
