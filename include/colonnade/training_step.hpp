// One optimizer step: forward, loss and backward of each micro-batch, the gradients' sum over
// data-parallel ranks, the verdict on both, clipping, update.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "colonnade/data_parallel.hpp"
#include "colonnade/device_array.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/optimizer.hpp"

namespace colonnade {

/// What becomes of a step whose loss or gradients are not finite. In both cases nothing is updated,
/// neither parameters nor the optimizer's state.
enum class OnNonfinite { stop, skip };

constexpr std::string_view to_string(OnNonfinite choice) {
  return choice == OnNonfinite::stop ? "stop" : "skip";
}

struct StepOptions {
  double clip = 0;               // largest norm of all gradients together; 0: unbounded
  bool judge_gradients = false;  // also where nothing is clipped: hold their norm to be finite
  OnNonfinite on_nonfinite = OnNonfinite::stop;
  UsedGradients gradients =
      UsedGradients::keep;  // zero: the next step finds them so, which is faster
};

struct StepResult {
  double loss = 0;                           // of the whole batch, before the update
  std::optional<double> gradient_norm = {};  // before clipping; of steps that judge their gradients
  bool stop = false;                         // a rank of the mesh has voted for the end of the run
  std::string skipped = {};                  // why there was no update; empty: there was one
};

/// A loss or a gradient that is not finite. Always agreed: all ranks throw it, with the same text.
class NonFinite final : public Error {
 public:
  /// `quantity` is "loss" or "gradient of NAME".
  NonFinite(std::string quantity, const std::string& text)
      : Error(Error::agreed(text)), quantity_(std::move(quantity)) {}
  const std::string& quantity() const { return quantity_; }

 private:
  std::string quantity_;
};

/// The micro-batches of a data-parallel rank, as ranges of the batch's rows. Fast mode: the rank's
/// part of the rows, cut `accumulate` times. Exact mode: its run of the `row_blocks` blocks into
/// which the batch is cut whatever the number of ranks. A short batch leaves some empty.
std::vector<Range> micro_batches(Index rows, int dp_size, int dp_rank, Index accumulate,
                                 Index row_blocks);

/// Where the rows of a micro-batch stand in the whole batch.
struct BatchPart {
  Index rows = 0;  // of the whole batch, over all micro-batches and data-parallel ranks
  Index first_row = 0;
  friend bool operator==(const BatchPart&, const BatchPart&) = default;
};

inline namespace COLONNADE_PRECISION {

/// Usage: begin(), add() for each micro-batch, finish(); or sum() in the place of finish() for the
/// gradients alone. All are collective, over the model's group and over the data-parallel ranks.
class TrainingStep {
 public:
  /// All must outlive it; `data_parallel` is null where there is one such rank. A step that clips
  /// judges its gradients too. Throws unless they fit together: exact mode with exact sums, moments
  /// cut as the sums are.
  TrainingStep(Mlp& model, const Loss& loss, AdamW& optimizer,
               DataParallel* data_parallel = nullptr, const StepOptions& options = {});
  TrainingStep(const TrainingStep&) = delete;
  TrainingStep& operator=(const TrainingStep&) = delete;
  ~TrainingStep();

  /// Zeroes the gradients. `rows` are those of the whole batch, over all micro-batches and
  /// data-parallel ranks; `steps_done` is what dropout is keyed by. In exact mode the number of
  /// micro-batches must be a power of two.
  void begin(Index rows, Index micro_batches, std::int64_t steps_done = 0);

  /// Forward, loss, backward. x [n, in], t [n, out]: rows from `first_row` of the whole batch on,
  /// the same on all ranks of the model's group; n may be 0. Both are given back as soon as they
  /// have been used. In exact mode the gradients of micro-batches are added along the tree, else
  /// one after the other.
  void add(Tensor x, Tensor t, Index first_row);

  /// The loss of the whole batch, whose gradients are now those of the optimizer, before clipping:
  /// summed over data-parallel ranks, as DataParallel::finish says. Nothing is updated.
  double sum();

  /// sum(), then judges, clips, and updates the parameters at `factor` times the learning rate.
  /// A loss that is not finite throws NonFinite or skips the update, as the options say; where they
  /// are judged so do gradients that, after clipping, are not finite or too large to square. `stop`
  /// is this rank's vote for the end of the run; a step that judges its gradients tells all ranks
  /// of the mesh, with no message of its own.
  StepResult finish(double factor = 1, bool stop = false);

  /// A whole step on the only micro-batch of this rank: begin, add and finish. Where the backend
  /// and the groups can, a small one is recorded when its like has come twice, and from then on
  /// done again as recorded: parameters must keep their places in memory, and it is always the same
  /// thread that calls. So it is with batches of up to four sizes. The same choice is made on all
  /// ranks.
  StepResult run(Tensor x, Tensor t, BatchPart part, std::int64_t steps_done = 0, double factor = 1,
                 bool stop = false);

  /// The same for a micro-batch that has all rows.
  StepResult run(Tensor x, Tensor t, std::int64_t steps_done = 0, double factor = 1,
                 bool stop = false) {
    const Index rows = x.rows();
    return run(std::move(x), std::move(t), {.rows = rows}, steps_done, factor, stop);
  }

  /// Steps that were done again.
  std::int64_t replays() const { return replays_; }

 private:
  struct Repeated;
  bool is_repeatable(Index rows, BatchPart part) const;
  Repeated* repeated(ConstMatrixView x, ConstMatrixView t, BatchPart part);
  void tell_steps_done(std::uint64_t steps);
  void repeat(Repeated& step, const std::function<void()>& compute_all);

  void check_count(bool fits) const;
  void zero_gradients();
  void join_gradients_along_tree();
  void sum_over_copies(Index count);
  void sum_squares();
  std::span<double> totals();
  std::span<double> updates();
  std::span<double> squares();
  StepBounds bounds() const;
  /// Takes to device memory what else than x and t differs from step to step.
  void tell(double factor, bool stop);
  /// All of finish() that is computed, in device memory.
  void compute();
  void share_squares();
  /// What was computed, once it is.
  StepResult result();
  StepResult refuse(StepResult result, const std::string& quantity, const std::string& verdict);
  /// That whose square is not below the bound.
  std::string spoiled_gradient(std::span<const double> squares, double bound) const;
  bool exact() const { return model_->options().shards > 0; }
  bool judges_gradients() const { return options_.judge_gradients || options_.clip > 0; }

  Mlp* model_;
  const Loss* loss_;
  AdamW* optimizer_;
  DataParallel* data_parallel_;
  StepOptions options_;
  int norm_account_;
  Index rows_ = 0;
  Index micro_batches_ = 0;
  Index added_ = 0;
  std::uint64_t steps_done_ = 0;
  // The same in device memory, and null for steps that are not done again.
  DeviceArray<std::uint64_t> steps_done_there_;
  const std::uint64_t* told_steps_done_ = nullptr;
  Numbers loss_sums_;                               // of the micro-batches
  std::vector<std::vector<Tensor>> gradient_sums_;  // of parts of the tree, waiting for their join
  Index gradient_sums_height_ = 0;
  // What a step is judged by, and how: the loss's sum over all rows, the votes for the end of the
  // run; whether there is an update; the square of each parameter's gradient, and the votes and
  // losses that are not finite, as the ranks of a copy add these up.
  Numbers numbers_;
  std::pmr::vector<double> numbers_here_;  // the same, for the program
  std::span<AdamWCoefficients> coefficients_;
  std::vector<std::unique_ptr<Repeated>> repeated_;  // of each number of rows
  std::int64_t replays_ = 0;
};

/// The simplest step: mean square on one micro-batch, without data parallelism. Returns the loss.
double training_step(Mlp& model, AdamW& optimizer, Tensor x, ConstMatrixView t, double factor = 1);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
