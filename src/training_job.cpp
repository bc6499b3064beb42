#include "colonnade/training_job.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

Job completed(Job job, const Mesh& mesh) {
  job.mesh = mesh.shape();
  job.model.shard_output = job.loss.kind == LossKind::cross_entropy;
  job.scalar_bytes = sizeof(Scalar);
  return job;
}

}  // namespace

TrainingJob::TrainingJob(Mesh& mesh, const Job& job, const AdamWOptions& adamw)
    : job_(completed(job, mesh)),
      mesh_(&mesh),
      model_(mesh.tp(), job_.model),
      loss_(make_loss(job_.loss, model_)),
      optimizer_(model_.parameters(), adamw, job_.zero1 ? &mesh.dp() : nullptr) {
  if (job_.mesh.dp > 1) data_parallel_.emplace(mesh.dp(), model_, gradient_sum(job_));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
