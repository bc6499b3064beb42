#include "colonnade/model_file.hpp"

#include <optional>
#include <vector>

#include "colonnade/checkpoint.hpp"
#include "colonnade/safetensors.hpp"
#include "common_header.hpp"
#include "model_slices.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

enum class Part { value, gradient };

void save(Mesh& mesh, const Mlp& model, Part part, const std::string& path) {
  ModelSlices of_model(ModelSlices::For::save);
  for (Parameter* parameter : model.parameters()) {
    TensorSlice& slice = part == Part::value ? of_model.add(*parameter, parameter->value)
                                             : of_model.add(*parameter, parameter->grad, ".grad");
    leave_to_first(mesh, *parameter, true, slice);
  }
  save_safetensors(mesh.world(), path, of_model.slices());
}

}  // namespace

void save_parameters(Mesh& mesh, const Mlp& model, const std::string& path) {
  save(mesh, model, Part::value, path);
}

void save_gradients(Mesh& mesh, const Mlp& model, const std::string& path) {
  save(mesh, model, Part::gradient, path);
}

void load_parameters(Mesh& mesh, Mlp& model, const std::string& path) {
  ModelSlices of_model(ModelSlices::For::load);
  for (Parameter* parameter : model.parameters()) of_model.add(*parameter, parameter->value);
  std::optional<File> file;
  const bool has_moments = is_checkpoint(read_common_header(mesh.world(), path, file).metadata);
  load_safetensors(mesh.world(), path, of_model.slices(),
                   has_moments ? OtherTensors::ignore : OtherTensors::refuse);
  of_model.bring_back();
}

}  // namespace colonnade::inline COLONNADE_PRECISION
