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
  std::vector<TensorSlice> slices;
  for (Parameter* parameter : model.parameters()) {
    slices.push_back(part == Part::value ? slice_of(*parameter, parameter->value.data())
                                         : slice_of(*parameter, parameter->grad.data(), ".grad"));
    leave_to_first(mesh, *parameter, true, slices.back());
  }
  save_safetensors(mesh.world(), path, slices);
}

}  // namespace

void save_parameters(Mesh& mesh, const Mlp& model, const std::string& path) {
  save(mesh, model, Part::value, path);
}

void save_gradients(Mesh& mesh, const Mlp& model, const std::string& path) {
  save(mesh, model, Part::gradient, path);
}

void load_parameters(Mesh& mesh, Mlp& model, const std::string& path) {
  std::vector<TensorSlice> slices;
  for (Parameter* parameter : model.parameters()) {
    slices.push_back(slice_of(*parameter, parameter->value.data()));
  }
  std::optional<File> file;
  const bool has_moments = is_checkpoint(read_common_header(mesh.world(), path, file).metadata);
  load_safetensors(mesh.world(), path, slices,
                   has_moments ? OtherTensors::ignore : OtherTensors::refuse);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
