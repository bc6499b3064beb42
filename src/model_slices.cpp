#include "model_slices.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

TensorSlice slice_of(const Parameter& parameter, Scalar* data, const std::string& suffix) {
  TensorSlice slice = {.name = parameter.name + suffix,
                       .shape = {parameter.cols},
                       .block = {parameter.owned_cols},
                       .data = data};
  if (!parameter.is_bias) {
    slice.shape.push_back(parameter.rows);
    slice.block.push_back(parameter.owned_rows);
  }
  return slice;
}

void leave_to_first(Mesh& mesh, const Parameter& parameter, bool copied, TensorSlice& slice) {
  const bool by_other_copy = copied && mesh.dp().rank() > 0;
  const bool by_other_rank = parameter.replicated && mesh.tp().rank() > 0;
  if (!by_other_copy && !by_other_rank) return;
  slice.block[0] = {0, 0};
  slice.elements.reset();
}

}  // namespace colonnade::inline COLONNADE_PRECISION
