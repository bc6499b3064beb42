#include "colonnade/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "colonnade/safetensors.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

enum class Part { value, gradient };

std::vector<TensorSlice> slices_of(const Mlp& model, Part part) {
  std::vector<TensorSlice> slices;
  for (Parameter* parameter : model.parameters()) {
    TensorSlice slice;
    slice.name = parameter->name + (part == Part::gradient ? ".grad" : "");
    slice.shape = {parameter->cols};
    slice.block = {parameter->owned_cols};
    if (!parameter->is_bias) {
      slice.shape.push_back(parameter->rows);
      slice.block.push_back(parameter->owned_rows);
    }
    slice.data = (part == Part::gradient ? parameter->grad : parameter->value).data();
    slices.push_back(slice);
  }
  return slices;
}

/// Throws on all ranks if a number of any is not finite: nobody could load that file again.
void check_finite(ProcessGroup& group, std::span<const TensorSlice> slices) {
  collectively(group, [&] {
    for (const TensorSlice& slice : slices) {
      Index count = 1;
      for (const Range range : slice.block) count *= range.size();
      const auto is_finite = [](Scalar x) { return std::isfinite(x); };
      if (std::all_of(slice.data, slice.data + count, is_finite)) continue;
      throw Error(slice.name + " has numbers that are not finite: not saved",
                  {.hint = "try a smaller --lr or a --warmup"});
    }
  });
}

/// Of the ranks that hold the same numbers all but the first give theirs up.
void leave_to_first(Mesh& mesh, const Mlp& model, std::vector<TensorSlice>& slices) {
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const bool elsewhere = model.parameters()[i]->replicated && mesh.tp().rank() > 0;
    if (mesh.dp().rank() > 0 || elsewhere) slices[i].block[0] = {0, 0};
  }
}

void save(Mesh& mesh, const Mlp& model, Part part, const std::string& path) {
  std::vector<TensorSlice> slices = slices_of(model, part);
  leave_to_first(mesh, model, slices);
  check_finite(mesh.world(), slices);
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
  load_safetensors(mesh.world(), path, slices_of(model, Part::value));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
