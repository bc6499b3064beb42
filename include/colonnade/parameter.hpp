// A trainable tensor: this rank's columns of it, its gradient, and where they belong in the whole.
#pragma once

#include <cstdint>
#include <string>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

struct Parameter {
  std::string name;   // as PyTorch names it: layers.0.weight
  Index global_cols;  // of the whole tensor, whose rows are those of `value`
  Range owned;        // the columns that this rank holds
  bool is_bias;
  Tensor value;  // [rows, owned.size()]
  Tensor grad;   // the same shape; backward adds to it

  /// Index of a local element in the whole tensor, column-major: what random numbers are keyed by.
  Index global_index(Index row, Index local_col) const {
    return (owned.begin + local_col) * value.rows() + row;
  }
  Index global_size() const { return value.rows() * global_cols; }
};

/// A parameter and its gradient, both zero.
Parameter make_parameter(std::string name, Index rows, Index global_cols, Range owned,
                         bool is_bias);

/// Element i of the whole tensor becomes scale times the i-th normal number of (seed, name): every
/// rank fills its own columns, and together they are the same tensor for any number of ranks.
void fill_normal(Parameter& parameter, std::uint64_t seed, double scale);

}  // namespace colonnade::inline COLONNADE_PRECISION
