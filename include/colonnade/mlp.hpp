// A multi-layer perceptron of column-parallel layers.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "colonnade/activation.hpp"
#include "colonnade/parallel_linear.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

struct MlpOptions {
  std::vector<Index> widths;  // of the input, of each hidden layer, of the output
  Activation activation = Activation::gelu_tanh;
  bool activate_last = false;  // the original job's shape: an activation after the last layer too
  bool bias = true;
  std::uint64_t seed = 0;
};

inline namespace COLONNADE_PRECISION {

class Mlp {
 public:
  struct Cache {
    std::pmr::vector<ColumnParallelLinear::Cache> layers;
  };
  struct Output {
    Tensor y;  // [B, widths.back()], the same on all ranks
    Cache cache;
  };

  /// Throws unless every width but the first gives each rank a column. `group` must outlive it.
  Mlp(ProcessGroup& group, const MlpOptions& options);

  /// x [B, widths.front()], the same on all ranks. Collective.
  Output forward(Tensor x) const;

  /// dy_local [B, own columns of y]: the complete gradient of these columns. Adds to all
  /// parameters' gradients. Collective.
  void backward(Cache cache, Tensor dy_local);

  void zero_grad();

  /// Layer by layer, weight before bias; valid as long as the model.
  std::span<Parameter* const> parameters() const { return parameters_; }
  std::span<const ColumnParallelLinear> layers() const { return layers_; }

  /// Where the step's tensors live.
  std::pmr::memory_resource* memory() const { return group_->memory(); }

  /// This rank's columns of the output.
  Range output_columns() const;

  /// Weights and biases of all ranks together.
  Index parameter_count() const;

  /// Floating-point operations of the matrix products of one step (forward and backward) on `rows`
  /// rows, all ranks together: 2 in out for each product and row, three products a layer, two in
  /// the first.
  double step_flops(Index rows) const;

 private:
  ProcessGroup* group_;
  std::vector<ColumnParallelLinear> layers_;
  std::vector<Parameter*> parameters_;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
