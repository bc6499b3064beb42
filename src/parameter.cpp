#include "colonnade/parameter.hpp"

#include <utility>

#include "colonnade/random.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

Parameter make_parameter(Parameter description) {
  const Index rows = description.owned_rows.size(), cols = description.owned_cols.size();
  description.value = Tensor::zeros(rows, cols);
  description.grad = Tensor::zeros(rows, cols);
  return description;
}

void fill_normal(Parameter& parameter, std::uint64_t seed, double scale) {
  const KeyedRandom random(seed, parameter.name);
  write_from_host(parameter.value, [&](MatrixView value) {
#pragma omp parallel for schedule(static)
    for (Index col = 0; col < value.cols; ++col) {
      for (Index row = 0; row < value.rows; ++row) {
        const auto index = static_cast<std::uint64_t>(parameter.global_index(row, col));
        value.data[col * value.rows + row] = static_cast<Scalar>(scale * random.normal(index));
      }
    }
  });
}

Tensor block_of(ConstMatrixView whole, const Parameter& part) {
  check_shape(whole, part.rows, part.cols, "whole tensor of " + part.name);
  return rows_of(whole.columns(part.owned_cols), part.owned_rows, device_memory());
}

}  // namespace colonnade::inline COLONNADE_PRECISION
