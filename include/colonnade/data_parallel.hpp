// Gradients summed over data-parallel ranks: groups of tensor-parallel ranks that hold the same
// parameters and see other rows of a batch. A loss is scaled by the rows of the whole batch, so
// that the sum over ranks is the gradient itself, however unevenly the rows are cut.
#pragma once

#include <span>
#include <vector>

#include "colonnade/linear_layer.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

enum class GradientSum {
  everywhere,  // every rank gets all sums: an all-reduce of each gradient
  own_run,     // ZeRO stage 1: each rank gets the elements that it updates: a reduce-scatter
  exact,       // every rank gets all sums, added along the tree
};

inline namespace COLONNADE_PRECISION {

class DataParallel {
 public:
  /// Both must outlive it. `group` holds the ranks with the same shards, one of each
  /// tensor-parallel group.
  DataParallel(ProcessGroup& group, const Mlp& model, GradientSum kind);

  /// This rank's gradients of a layer are complete: their sum is under way from here on, and the
  /// layers below compute meanwhile. They must not be touched before finish(). All ranks start the
  /// layers in the same order. The sums of exact mode and of replicated
  /// parameters are left to finish().
  void start(LinearLayer& layer);

  /// Returns when all sums are there. After own_run only the elements that AdamW updates on this
  /// rank hold their sums. Collective.
  void finish();

  /// After finish(): every rank gets the elements that only one of them has. Collective.
  void gather();

  ProcessGroup& group() const { return *group_; }
  GradientSum kind() const { return kind_; }

  /// The elements of a gradient whose sum this rank has after finish(), as one column.
  ConstMatrixView own_sum(const Parameter& parameter) const;

 private:
  struct Arriving {
    Parameter* parameter;
    Range run;
    Tensor sum;
  };
  void start_own_run(Parameter& parameter);
  void sum_along_tree(Parameter& parameter);
  std::span<const Range> runs_of(const Parameter& parameter) const;

  ProcessGroup* group_;
  const Mlp* model_;
  GradientSum kind_;
  std::vector<std::vector<Range>> runs_;  // of each parameter, one for each rank
  std::vector<Arriving> arriving_;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
