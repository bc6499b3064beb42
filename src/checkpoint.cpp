#include "colonnade/checkpoint.hpp"

#include <utility>
#include <vector>

#include "colonnade/safetensors.hpp"
#include "colonnade/version.hpp"
#include "model_slices.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Parameters first, so that who wants these alone finds them together.
ModelSlices slices_of(TrainingJob& job, ModelSlices::For purpose) {
  ModelSlices slices(purpose);
  for (Parameter* parameter : job.model().parameters()) slices.add(*parameter, parameter->value);
  const bool cut = job.optimizer().moments_over() != nullptr;
  for (AdamW::Moments& moments : job.optimizer().moments()) {
    for (const auto& [suffix, tensor] :
         {std::pair{".exp_avg", &moments.first}, std::pair{".exp_avg_sq", &moments.second}}) {
      TensorSlice& slice = slices.add(*moments.parameter, *tensor, suffix);
      if (cut) slice.elements = moments.own;
    }
  }
  return slices;
}

}  // namespace

void save_checkpoint(TrainingJob& job, const std::string& path, CheckpointInfo info) {
  Mesh& mesh = job.mesh();
  info.updates = job.optimizer().updates();
  info.mesh = mesh.shape();
  info.scalar = scalar_name;
  info.version = std::string(version);
  ModelSlices of_job = slices_of(job, ModelSlices::For::save);
  std::vector<TensorSlice>& slices = of_job.slices();
  const auto parameters = job.model().parameters();
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const bool is_moment = i >= parameters.size();
    const Parameter& parameter = *parameters[is_moment ? (i - parameters.size()) / 2 : i];
    const bool copied = !is_moment || job.optimizer().moments_over() == nullptr;
    leave_to_first(mesh, parameter, copied, slices[i]);
  }
  save_safetensors(mesh.world(), path, slices, metadata_of(info));
}

CheckpointInfo load_checkpoint(TrainingJob& job, const std::string& path) {
  const CheckpointInfo info = read_checkpoint_info(job.mesh().world(), path);
  ModelSlices of_job = slices_of(job, ModelSlices::For::load);
  load_safetensors(job.mesh().world(), path, of_job.slices());
  of_job.bring_back();
  job.optimizer().set_updates(info.updates);
  return info;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
