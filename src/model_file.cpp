#include "colonnade/model_file.hpp"

#include <span>
#include <vector>

#include "colonnade/safetensors.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

enum class Part { value, gradient };

std::vector<TensorSlice> slices_of(const Mlp& model, Part part) {
  std::vector<TensorSlice> slices;
  for (Parameter* parameter : model.parameters()) {
    const Index in = parameter->value.rows();
    TensorSlice slice;
    slice.name = parameter->name + (part == Part::gradient ? ".grad" : "");
    slice.shape = {parameter->global_cols};
    slice.block = {parameter->owned};
    if (!parameter->is_bias) {
      slice.shape.push_back(in);
      slice.block.push_back({0, in});
    }
    slice.data = (part == Part::gradient ? parameter->grad : parameter->value).data();
    slices.push_back(slice);
  }
  return slices;
}

}  // namespace

void save_parameters(ProcessGroup& group, const Mlp& model, const std::string& path) {
  save_safetensors(group, path, slices_of(model, Part::value));
}

void save_gradients(ProcessGroup& group, const Mlp& model, const std::string& path) {
  save_safetensors(group, path, slices_of(model, Part::gradient));
}

void load_parameters(ProcessGroup& group, Mlp& model, const std::string& path) {
  load_safetensors(group, path, slices_of(model, Part::value));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
