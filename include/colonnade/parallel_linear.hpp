// The layer of the original job: x W_local, activation, all-gather into the full width.
//
//   forward    Z_r = X W_r + b_r      H_r = s(Z_r)      Y = all-gather of the H_r
//   backward   dZ_r = dY[:, r] * s'(Z_r)      dX[:, r] = reduce-scatter of dZ_r W_r^T
//              dW_r += X^T dZ_r               db_r += 1^T dZ_r
//
// Column-parallel: rank r owns the output features (columns) range(r) of W, b and Y. Its dW and db
// are complete without a message. docs/math.md derives each line.
#pragma once

#include <cstdint>
#include <string>

#include "colonnade/activation.hpp"
#include "colonnade/parameter.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

class ColumnParallelLinear {
 public:
  struct Options {
    std::string name;  // of its parameters: <name>.weight, <name>.bias
    Index in;
    Index out;
    Activation activation;
    bool bias;
    bool input_gradient;  // false for the first layer of a network: nobody asks for its dx
    std::uint64_t seed;
  };

  /// What backward needs of forward. Moves with the step's memory; cannot be copied.
  struct Cache {
    Tensor x;           // [B, in]
    Tensor derivative;  // [B, out_local], s'(Z_r)
  };
  struct Output {
    Tensor y;  // [B, out], the same on all ranks
    Cache cache;
  };

  /// W is normal with variance 1 / in, keyed by (seed, name, global index); b is zero. `group` must
  /// outlive the layer.
  ColumnParallelLinear(ProcessGroup& group, const Options& options);

  /// x [B, in], the same on all ranks. Collective.
  Output forward(Tensor x) const;

  /// dy_local [B, out_local]: the complete gradient of this rank's own columns of y. Adds to the
  /// gradients of weight and bias. Returns dx's own columns, [B, in_local] in the cut of the layer
  /// below, also complete; empty without input_gradient. Collective.
  Tensor backward(Cache cache, Tensor dy_local);

  const Sharding& output_cut() const { return output_cut_; }
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }
  /// Empty, [1, 0], without a bias.
  Parameter& bias() { return bias_; }
  bool has_bias() const { return bias_.value.size() > 0; }

 private:
  ProcessGroup* group_;
  Activation activation_;
  bool input_gradient_;
  Sharding input_cut_;
  Sharding output_cut_;
  Parameter weight_;  // [in, out_local]
  Parameter bias_;    // [1, out_local]
};

}  // namespace colonnade::inline COLONNADE_PRECISION
