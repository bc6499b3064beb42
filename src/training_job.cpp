#include "colonnade/training_job.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

TrainingJob::TrainingJob(Mesh& mesh, const Job& job, const AdamWOptions& adamw)
    : job_(job),
      mesh_(&mesh),
      model_(mesh.tp(), job.model),
      loss_(make_loss(job.loss, model_)),
      optimizer_(model_.parameters(), adamw, job.zero1 ? &mesh.dp() : nullptr) {
  if (job.mesh.dp > 1) data_parallel_.emplace(mesh.dp(), model_, gradient_sum(job));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
