// A whole training job on a mesh, from model to optimizer, for tests that compare one job with
// another: the same samples go into each, however it is cut.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "numbers.hpp"

namespace harness {

struct JobOptions {
  colonnade::MlpOptions model = {};
  colonnade::LossOptions loss = {};
  colonnade::MeshShape mesh = {};
  colonnade::AdamWOptions adamw = {.learning_rate = 0.01, .weight_decay = 0.1};
  bool zero1 = false;
  double clip = 0;
  colonnade::OnNonfinite on_nonfinite = colonnade::OnNonfinite::stop;
  colonnade::UsedGradients gradients = colonnade::UsedGradients::zero;  // as Trainer has it
  colonnade::Index accumulate = 1;
  colonnade::Index row_blocks = 0;  // with model.shards: exact mode
};

/// What makes a step another one than all jobs take.
struct Otherwise {
  std::function<void(colonnade::Tensor& x, colonnade::Tensor& t)> spoil = {};  // the whole batch
  std::function<void()> before_finish = {};
  bool stop = false;  // this rank's vote
};

class SteppingJob {
 public:
  SteppingJob(colonnade::ProcessGroup& world, const JobOptions& options)
      : options_(with_output(options)),
        mesh_(world, options.mesh),
        training_(mesh_, job(), options.adamw),
        step_(training_.model(), training_.loss(), training_.optimizer(), training_.data_parallel(),
              {.clip = options.clip,
               .judge_gradients = true,
               .on_nonfinite = options.on_nonfinite,
               .gradients = options.gradients}) {}

  /// What the ledger is told.
  colonnade::Job job() const {
    return {.model = options_.model,
            .loss = options_.loss,
            .mesh = options_.mesh,
            .zero1 = options_.zero1,
            .clip = options_.clip,
            .scalar_bytes = sizeof(colonnade::Scalar)};
  }

  /// One optimizer step on `rows` rows of its own, the same for every job.
  colonnade::StepResult step(colonnade::Index rows, const Otherwise& otherwise = {}) {
    const std::string number = std::to_string(steps_);
    colonnade::Tensor x = random_matrix(rows, options_.model.widths.front(), "x" + number);
    colonnade::Tensor t = targets(rows, "t" + number);
    if (otherwise.spoil) otherwise.spoil(x, t);
    const auto parts = parts_of(rows);
    step_.begin(rows, static_cast<colonnade::Index>(parts.size()), steps_++);
    for (const colonnade::Range part : parts) {
      step_.add(rows_of(x, part), rows_of(t, part), part.begin);
    }
    if (otherwise.before_finish) otherwise.before_finish();
    return step_.finish(1, otherwise.stop);
  }

  /// The next step will be the one after.
  void leave_out_step() { ++steps_; }

  std::vector<colonnade::Range> parts_of(colonnade::Index rows) {
    return colonnade::micro_batches(rows, mesh_.dp().size(), mesh_.dp().rank(), options_.accumulate,
                                    options_.row_blocks);
  }

  /// Rows of targets: one-hot for cross-entropy, else normal numbers.
  colonnade::Tensor targets(colonnade::Index rows, const std::string& name) const {
    const colonnade::Index classes = options_.model.widths.back();
    colonnade::Tensor t = random_matrix(rows, classes, name);
    if (options_.loss.kind == colonnade::LossKind::mean_square) return t;
    for (colonnade::Index i = 0; i < rows; ++i) {
      colonnade::Index label = 0;
      for (colonnade::Index j = 1; j < classes; ++j)
        if (t(i, j) > t(i, label)) label = j;
      for (colonnade::Index j = 0; j < classes; ++j) t(i, j) = j == label ? 1 : 0;
    }
    return t;
  }

  static colonnade::Tensor rows_of(const colonnade::Tensor& whole, colonnade::Range rows) {
    return block_of(whole, {.rows = whole.rows(),
                            .cols = whole.cols(),
                            .owned_rows = rows,
                            .owned_cols = {0, whole.cols()}});
  }

  /// The next step is that of a job that has done so many.
  void go_on_after(std::int64_t steps) { steps_ = steps; }

  const JobOptions& options() const { return options_; }
  colonnade::Mesh& mesh() { return mesh_; }
  colonnade::Mlp& model() { return training_.model(); }
  colonnade::TrainingJob& training() { return training_; }
  const colonnade::Loss& loss() const { return training_.loss(); }

 private:
  static JobOptions with_output(JobOptions options) {
    options.model.shard_output = options.loss.kind == colonnade::LossKind::cross_entropy;
    return options;
  }

  JobOptions options_;
  colonnade::Mesh mesh_;
  colonnade::TrainingJob training_;
  colonnade::TrainingStep step_;
  std::int64_t steps_ = 0;
};

/// Whether these ranks are processes that likely outnumber the cores.
inline bool is_slow(const colonnade::ProcessGroup& world) {
  return world.transport_name() == "mpi" && world.size() > 2;
}

/// The meshes that `ranks` ranks can form.
inline std::vector<colonnade::MeshShape> meshes(int ranks) {
  std::vector<colonnade::MeshShape> all;
  for (int dp = 1; dp <= ranks; ++dp)
    if (ranks % dp == 0) all.push_back({dp, ranks / dp});
  return all;
}

}  // namespace harness
