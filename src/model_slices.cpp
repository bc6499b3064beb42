#include "model_slices.hpp"

#include <algorithm>
#include <cmath>

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

void check_finite(ProcessGroup& group, std::span<const TensorSlice> slices) {
  collectively(group, [&] {
    for (const TensorSlice& slice : slices) {
      for_each_run(slice, [&](Run run) {
        const Scalar* const first = slice.data + run.in_data;
        const auto is_finite = [](Scalar x) { return std::isfinite(x); };
        if (std::all_of(first, first + run.count, is_finite)) return;
        throw Error(slice.name + " has numbers that are not finite: not saved",
                    {.hint = "try a smaller --lr or a --warmup"});
      });
    }
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
