// What trains: the model, its loss and its optimizer, built on a mesh as a Job describes them.
#pragma once

#include <memory>
#include <optional>

#include "colonnade/data_parallel.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/mesh.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/optimizer.hpp"
#include "colonnade/plan.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

class TrainingJob {
 public:
  /// `mesh` must outlive it. Mesh, loss and build settle three fields of the job: its shape,
  /// whether the output is sharded, and the size of a number. Throws, the same on every rank, if
  /// the job can't be cut like that. It sends nothing, and may stand in collectively().
  TrainingJob(Mesh& mesh, const Job& job, const AdamWOptions& adamw);
  TrainingJob(const TrainingJob&) = delete;
  TrainingJob& operator=(const TrainingJob&) = delete;

  const Job& job() const { return job_; }
  Mesh& mesh() { return *mesh_; }
  Mlp& model() { return model_; }
  const Loss& loss() const { return *loss_; }
  AdamW& optimizer() { return optimizer_; }
  /// Null where there is one data-parallel rank.
  DataParallel* data_parallel() { return data_parallel_ ? &*data_parallel_ : nullptr; }

  /// The whole gradients on every rank, where the optimizer needed only a part. Collective.
  void gather_gradients() {
    if (data_parallel_) data_parallel_->gather();
  }

 private:
  Job job_;
  Mesh* mesh_;
  Mlp model_;
  std::unique_ptr<Loss> loss_;
  AdamW optimizer_;
  std::optional<DataParallel> data_parallel_;
};

}  // namespace colonnade::inline COLONNADE_PRECISION
