// A multi-layer perceptron of parallel layers, in either layout.
//
//   gather   column, column, column, ...     the original job: every rank sees every activation
//   pair     column, row, column, row, ...   a last layer without a partner is a column layer
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include "colonnade/layout.hpp"
#include "colonnade/linear_layer.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

struct MlpOptions {
  std::vector<Index> widths = {};  // of the input, of each hidden layer, of the output
  Activation activation = Activation::gelu_tanh;
  bool activate_last = false;  // the original job's shape: an activation after the last layer too
  bool bias = true;
  std::uint64_t seed = 0;
  Layout layout = Layout::gather;
  bool shard_output = false;  // each rank gets its own columns of the output, not all
  double dropout = 0;         // share of the hidden activations that training drops
  bool recompute = false;     // keep layer inputs alone and compute the rest again in backward
  Index shards = 0;           // logical shards of exact mode; 0: fast mode
  /// Into how many parts of its rows a batch is cut: while one part's collective is under way, the
  /// layer computes the next part. 1 in exact mode. worthwhile_row_parts() says how many are of
  /// use.
  Index row_parts = 1;
};

/// Which of the output's columns a rank gets from forward, and of which backward wants the
/// gradient.
struct OutputColumns {
  Index total = 0;
  Range y = {};
  Range dy = {};
  std::vector<Range> shards = {};  // logical shards of y in exact mode, counted from y.begin
};

inline namespace COLONNADE_PRECISION {

/// How many parts let a step of `rows` rows hide its messages: 1 where messages don't get on while
/// a rank computes, or are too short for it. The same on all ranks.
Index worthwhile_row_parts(const ProcessGroup& group, const MlpOptions& options, Index rows);

class Mlp {
 public:
  struct Cache {
    std::pmr::vector<LinearLayer::Cache> layers;  // of each layer, the parts of the rows in turn
  };
  struct Output {
    Tensor y;  // [B, output().y]
    Cache cache;
  };
  using LayerReady = std::function<void(LinearLayer&)>;

  /// Throws unless every width that is cut gives each rank, or logical shard, a column. `group`
  /// must outlive it.
  Mlp(ProcessGroup& group, const MlpOptions& options);

  /// x [B, widths.front()], the same on all ranks. Collective.
  Output forward(Tensor x, const ForwardContext& context = {}) const;
  /// dy [B, output().dy]: the complete gradient of these columns. Adds to all parameters'
  /// gradients, and calls `ready` with each layer, last to first, once its own are there.
  /// Collective.
  void backward(Cache cache, Tensor dy, const LayerReady& ready = {});

  /// While something is under way in this group, which sums gradients, backward lets it get on. It
  /// must stay where it is; null ends it.
  void carry_on(ProcessGroup* beside);

  void zero_grad();

  const MlpOptions& options() const { return options_; }
  /// Layer by layer, weight before bias; valid as long as the model.
  std::span<Parameter* const> parameters() const { return parameters_; }
  std::span<const std::unique_ptr<LinearLayer>> layers() const { return layers_; }
  const OutputColumns& output() const { return output_; }
  ProcessGroup& group() const { return *group_; }
  /// Where the step's tensors live.
  std::pmr::memory_resource* memory() const { return group_->memory(); }
  std::pmr::memory_resource* host_memory() const { return group_->host_memory(); }

  /// Weights and biases of all ranks together.
  Index parameter_count() const;
  /// Floating-point operations of the matrix products of one step (forward and backward) on `rows`
  /// rows, all ranks together: 2 in out for each product and row, three products a layer, two in
  /// the first. Products that --recompute does again are not counted.
  double step_flops(Index rows) const;

 private:
  Index parts_of(Index rows) const;
  void backward_in_parts(Cache cache, ConstMatrixView dy, const LayerReady& ready);
  Output forward_in_parts(ConstMatrixView x, const ForwardContext& context) const;
  void add_column_layer(const LinearLayer::Options& layer, bool is_first, bool is_last);
  void add_row_layer(const LinearLayer::Options& layer, bool is_last);

  ProcessGroup* group_;
  MlpOptions options_;
  std::vector<std::unique_ptr<LinearLayer>> layers_;
  std::vector<Parameter*> parameters_;
  OutputColumns output_;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
