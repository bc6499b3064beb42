#include "colonnade/parameter.hpp"

#include <utility>

#include "colonnade/random.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

Parameter make_parameter(std::string name, Index rows, Index global_cols, Range owned,
                         bool is_bias) {
  return {.name = std::move(name),
          .global_cols = global_cols,
          .owned = owned,
          .is_bias = is_bias,
          .value = Tensor::zeros(rows, owned.size()),
          .grad = Tensor::zeros(rows, owned.size())};
}

void fill_normal(Parameter& parameter, std::uint64_t seed, double scale) {
  const KeyedRandom random(seed, parameter.name);
  Tensor& value = parameter.value;
#pragma omp parallel for schedule(static)
  for (Index col = 0; col < value.cols(); ++col) {
    for (Index row = 0; row < value.rows(); ++row) {
      const auto index = static_cast<std::uint64_t>(parameter.global_index(row, col));
      value(row, col) = static_cast<Scalar>(scale * random.normal(index));
    }
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
