#include "model_slices.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

TensorSlice& ModelSlices::add(const Parameter& parameter, MatrixView numbers,
                              const std::string& suffix) {
  if (!host_reaches_device_memory()) {
    Tensor copy = purpose_ == For::save ? Tensor::copy_of(numbers, system_memory())
                                        : Tensor(numbers.rows, numbers.cols, system_memory());
    copies_.emplace_back(numbers, std::move(copy));
    numbers = copies_.back().second;
  }
  TensorSlice& slice = slices_.emplace_back(TensorSlice{.name = parameter.name + suffix,
                                                        .shape = {parameter.cols},
                                                        .block = {parameter.owned_cols},
                                                        .data = numbers.data});
  if (!parameter.is_bias) {
    slice.shape.push_back(parameter.rows);
    slice.block.push_back(parameter.owned_rows);
  }
  return slice;
}

void ModelSlices::bring_back() const {
  for (const auto& [numbers, copied] : copies_) copy(copied, numbers);
}

void leave_to_first(Mesh& mesh, const Parameter& parameter, bool copied, TensorSlice& slice) {
  const bool by_other_copy = copied && mesh.dp().rank() > 0;
  const bool by_other_rank = parameter.replicated && mesh.tp().rank() > 0;
  if (!by_other_copy && !by_other_rank) return;
  slice.block[0] = {0, 0};
  slice.elements.reset();
}

}  // namespace colonnade::inline COLONNADE_PRECISION
