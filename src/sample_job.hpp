// A job made ready to train on sample data, on a mesh or on one rank: what `colonnade check`
// compares. Everything that trains is the library's own; only the data are made here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "colonnade/dataset.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade {

/// The job on one rank, in the plainest way: without data parallelism, micro-batches, cut moments
/// or recomputing. In exact mode shards and row blocks stay, for they are part of the result.
Job on_one_rank(Job job);
TrainerOptions on_one_rank(TrainerOptions trainer);

/// Of SampleJob's optimizer: a gradient that is off by d moves an update by at most
/// learning_rate / eps d. PyTorch's 1e-8 would make that 1e5 where a gradient is zero but for
/// rounding, and no bound on the parameters would be one.
inline constexpr AdamWOptions sample_adamw = {.learning_rate = 1e-3, .eps = 1e-3};

inline namespace COLONNADE_PRECISION {

/// Samples that fit the job: normal numbers, and for cross-entropy one-hot targets.
MatrixDataset sample_dataset(const Job& job, Index samples, std::uint64_t seed);

class SampleJob {
 public:
  /// `mesh` must outlive it. Throws, the same on every rank, if the mesh cannot cut the job.
  /// Collective.
  SampleJob(Mesh& mesh, const Job& job, const TrainerOptions& trainer);
  SampleJob(const SampleJob&) = delete;
  SampleJob& operator=(const SampleJob&) = delete;

  Mesh& mesh() { return *mesh_; }
  Mlp& model() { return training_->model(); }
  /// Of this rank, of a full batch.
  std::span<const Range> micro_batches() const { return parts_; }

  /// The loss of the first batch as training's first step sees it, dropout included. Collective.
  double loss();
  /// The same, with its gradients, as the optimizer gets them, left in the model; whole on every
  /// rank, even where the optimizer needs only a part. Collective.
  double sum_gradients();

  /// What the trainer does, to the end: every loss, evaluations included, and every norm in the
  /// order in which they are reported. The hooks come before and after each step. Collective.
  std::vector<double> train(
      const std::function<void(std::span<const Range>)>& before_step =
          [](std::span<const Range>) {},
      const std::function<void()>& after_step = [] {});

 private:
  /// x and t of some rows of the first batch.
  std::pair<Tensor, Tensor> rows_of_batch(Range rows);

  Mesh* mesh_;
  bool exact_;
  TrainerOptions trainer_;
  std::vector<Range> parts_;
  std::optional<MatrixDataset> data_;
  std::optional<TrainingJob> training_;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
