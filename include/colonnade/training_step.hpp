// One optimizer step: forward, loss and backward of each micro-batch, the gradients' sum over
// data-parallel ranks, clipping, update.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <vector>

#include "colonnade/data_parallel.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/optimizer.hpp"

namespace colonnade {

struct StepResult {
  double loss = 0;                      // of the whole batch, before the update
  std::optional<double> gradient_norm;  // of all parameters, before clipping; where that is on
};

/// The micro-batches of a data-parallel rank, as ranges of the batch's rows. Fast mode: the rank's
/// part of the rows, cut `accumulate` times. Exact mode: its run of the `row_blocks` blocks into
/// which the batch is cut whatever the number of ranks. A short batch leaves some empty.
std::vector<Range> micro_batches(Index rows, int dp_size, int dp_rank, Index accumulate,
                                 Index row_blocks);

inline namespace COLONNADE_PRECISION {

/// Usage: begin(), add() for each micro-batch, finish(); or sum() in the place of finish() for the
/// gradients alone. All are collective, over the model's group and over the data-parallel ranks.
class TrainingStep {
 public:
  /// All must outlive it; `data_parallel` is null where there is one such rank. `clip` bounds the
  /// norm of all gradients together; 0 is no bound. Throws unless they fit together: exact mode
  /// with exact sums, moments cut as the sums are.
  TrainingStep(Mlp& model, const Loss& loss, AdamW& optimizer,
               DataParallel* data_parallel = nullptr, double clip = 0);

  /// Zeroes the gradients. `rows` are those of the whole batch, over all micro-batches and
  /// data-parallel ranks; `steps_done` is what dropout is keyed by. In exact mode the number of
  /// micro-batches must be a power of two.
  void begin(Index rows, Index micro_batches, std::int64_t steps_done = 0);

  /// Forward, loss, backward. x [n, in], t [n, out]: rows from `first_row` of the whole batch on,
  /// the same on all ranks of the model's group; n may be 0. In exact mode the gradients of
  /// micro-batches are added along the tree, else one after the other.
  void add(Tensor x, ConstMatrixView t, Index first_row);

  /// The loss of the whole batch, whose gradients are now those of the optimizer, before clipping:
  /// summed over data-parallel ranks, as DataParallel::finish says. Nothing is updated.
  double sum();

  /// sum(), then clips, and updates the parameters at `factor` times the learning rate. A loss or a
  /// norm that is not finite is an agreed error, since all ranks see the same one, and nothing is
  /// updated.
  StepResult finish(double factor = 1);

 private:
  void check_count(bool fits) const;
  void join_gradients_along_tree();
  double gradient_norm();
  bool exact() const { return model_->options().shards > 0; }

  Mlp* model_;
  const Loss* loss_;
  AdamW* optimizer_;
  DataParallel* data_parallel_;
  double clip_;
  int norm_account_;
  Index rows_ = 0;
  Index micro_batches_ = 0;
  Index added_ = 0;
  std::uint64_t steps_done_ = 0;
  std::pmr::vector<double> loss_sums_;              // of the micro-batches
  std::vector<std::vector<Tensor>> gradient_sums_;  // of parts of the tree, waiting for their join
  Index gradient_sums_height_ = 0;
  std::vector<double> squares_;  // of each parameter's gradient
};

/// The simplest step: mean square on one micro-batch, without data parallelism. Returns the loss.
double training_step(Mlp& model, AdamW& optimizer, Tensor x, ConstMatrixView t, double factor = 1);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
