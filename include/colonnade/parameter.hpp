// A trainable tensor: the block of it that this rank holds, its gradient, and where the block
// belongs in the whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "colonnade/ops.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

struct Parameter {
  std::string name = {};  // as PyTorch names it: layers.0.weight
  Index rows = 0;         // of the whole tensor
  Index cols = 0;
  Range owned_rows = {};  // the block that this rank holds
  Range owned_cols = {};
  bool is_bias = false;
  bool replicated = false;  // every rank of the group holds all of it, with the same gradient
  WeightShards::Axis axis = WeightShards::Axis::outputs;  // along which ranks cut it
  std::vector<Range> shards = {};  // the logical shards of the block in exact mode, else none
  Tensor value = {};               // [owned_rows, owned_cols]
  Tensor grad = {};                // the same shape; backward adds to it
  bool grad_is_zero = false;       // an update has zeroed it, and no backward of an Mlp added since

  /// Index of a local element in the whole tensor, column-major: what random numbers are keyed by.
  Index global_index(Index local_row, Index local_col) const {
    return (owned_cols.begin + local_col) * rows + owned_rows.begin + local_row;
  }
  Index global_size() const { return rows * cols; }
  WeightShards weight_shards() const { return {axis, shards}; }
};

/// The parameter that is described, with value and gradient zero.
Parameter make_parameter(Parameter description);

/// Element i of the whole tensor becomes scale times the i-th normal number of (seed, name): every
/// rank fills its own block, and together they are the same tensor for any number of ranks.
void fill_normal(Parameter& parameter, std::uint64_t seed, double scale);

/// A copy of the block that `part` holds, out of the whole tensor.
Tensor block_of(ConstMatrixView whole, const Parameter& part);

}  // namespace colonnade::inline COLONNADE_PRECISION
