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

void save(ProcessGroup& group, const std::string& path, const std::vector<TensorSlice>& slices) {
  check_finite(group, slices);
  save_safetensors(group, path, slices);
}

}  // namespace

void save_parameters(ProcessGroup& group, const Mlp& model, const std::string& path) {
  save(group, path, slices_of(model, Part::value));
}

void save_gradients(ProcessGroup& group, const Mlp& model, const std::string& path) {
  save(group, path, slices_of(model, Part::gradient));
}

void load_parameters(ProcessGroup& group, Mlp& model, const std::string& path) {
  load_safetensors(group, path, slices_of(model, Part::value));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
