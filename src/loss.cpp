#include "colonnade/loss.hpp"

#include <cmath>
#include <initializer_list>
#include <span>
#include <utility>

#include "colonnade/ops.hpp"
#include "observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void tell(Observer& observer, Phase phase, std::string_view equation,
          std::initializer_list<ObservedMatrix> matrices) {
  observer.computed("loss", phase, equation, matrices);
}

/// Over the samples at hand.
ObservedMatrix loss_sum(const double& sum) {
  ObservedMatrix seen = result(observed_numbers("L", {&sum, 1}));
  seen.kind = ObservedMatrix::Rows::summed;
  return seen;
}

}  // namespace

MeanSquare::MeanSquare(ProcessGroup& group, OutputColumns columns)
    : group_(&group), columns_(std::move(columns)) {
  if (columns_.y == Range{0, columns_.total}) return;
  throw Error("mean square needs the whole output on every rank",
              {.hint = "build the model without shard_output"});
}

Loss::Output MeanSquare::forward(Tensor y, ConstMatrixView t) const {
  const Span span = group_->span(Activity::loss);
  const double sum = squared_error_forward(y, t);
  if (Observer* observer = group_->observer())
    tell(*observer, Phase::forward, "L = Σ (Y − T)²",
         {observed_columns("Y", y, 0, columns_.total), observed_columns("T", t, 0, columns_.total),
          loss_sum(sum)});
  return {sum, {.y = std::move(y)}};
}

Tensor MeanSquare::backward(Cache cache, ConstMatrixView t, Index rows) const {
  const Span span = group_->span(Activity::loss);
  const Range own = columns_.dy;
  // Beside y, which is free soon too: the gradient of the layer's input gets the place of both.
  // That takes tensors of one size on all ranks.
  const bool one_size = columns_.shards.empty() && columns_.total % group_->size() == 0;
  Tensor dy(cache.y.rows(), own.size(), one_size ? group_->visible_memory() : group_->memory());
  squared_error_backward(std::as_const(cache.y).columns(own), t.columns(own), mean(1, rows), dy);
  if (Observer* observer = group_->observer())
    tell(*observer, Phase::backward, "dY = 2 (Y − T) / (B V)",
         {observed_columns("Y", cache.y, 0, columns_.total),
          observed_columns("T", t, 0, columns_.total),
          result(observed_columns("dY", dy, own.begin, columns_.total))});
  return dy;
}

double MeanSquare::mean(double sum, Index rows) const {
  return sum / (static_cast<double>(rows) * static_cast<double>(columns_.total));
}

CrossEntropy::CrossEntropy(ProcessGroup& group, OutputColumns columns, double label_smoothing,
                           bool exact)
    : group_(&group),
      account_(group.account("loss")),
      columns_(std::move(columns)),
      label_smoothing_(label_smoothing),
      order_(exact ? SumOrder::tree : SumOrder::any) {
  const bool sharded = group.size() == 1 || columns_.y.size() < columns_.total;
  if (sharded && columns_.y == columns_.dy) return;
  throw Error("cross-entropy needs its own columns of the output on each rank",
              {.hint = "build the model with shard_output"});
}

Loss::Output CrossEntropy::forward(Tensor y, ConstMatrixView t) const {
  const Span span = group_->span(Activity::loss);
  const AccountScope charge = group_->charge(account_, Phase::forward);
  const auto n = static_cast<std::size_t>(y.rows());
  std::pmr::vector<double> largest(n, group_->memory()), sums(3 * n, group_->memory());

  row_largest(y, largest);
  if (Observer* observer = group_->observer())
    tell(*observer, Phase::forward, "m = max Y",
         {observed_columns("Y", y, columns_.y.begin, columns_.total),
          result(observed_of_samples("m", largest, y.rows()), Partial::max)});
  group_->all_reduce(std::span(largest), Reduction::max);
  cross_entropy_forward(y, t.columns(columns_.y), largest, sums, columns_.shards);
  if (Observer* observer = group_->observer())
    tell(*observer, Phase::forward, "E = exp(Y − m),  S = [Σ E, Σ T ∘ (Y − m), Σ (Y − m)]",
         {observed_of_samples("m", largest, y.rows()), observed_columns("T", t, 0, columns_.total),
          result(observed_columns("E", y, columns_.y.begin, columns_.total)),
          result(observed_of_samples("S", sums, y.rows()), Partial::sum)});
  group_->all_reduce(std::span(sums), Reduction::sum, order_);

  const double smooth = label_smoothing_ / static_cast<double>(columns_.total);
  double loss = 0;  // -sum q (y - largest - log s), and the q of a row sum to 1
  for (std::size_t i = 0; i < n; ++i) {
    loss += std::log(sums[i]) - (1 - label_smoothing_) * sums[n + i] - smooth * sums[2 * n + i];
  }
  if (Observer* observer = group_->observer())
    tell(*observer, Phase::forward,
         label_smoothing_ > 0 ? "L = Σ (log S₁ − (1 − ε) S₂ − ε / V S₃)" : "L = Σ (log S₁ − S₂)",
         {observed_of_samples("S", sums, y.rows()), loss_sum(loss)});
  sums.resize(n);
  return {loss, {.y = std::move(y), .exp_sums = std::move(sums)}};
}

Tensor CrossEntropy::backward(Cache cache, ConstMatrixView t, Index rows) const {
  const Span span = group_->span(Activity::loss);
  Tensor dy(cache.y.rows(), cache.y.cols(), group_->memory());
  cross_entropy_backward(cache.y, t.columns(columns_.dy), cache.exp_sums, label_smoothing_,
                         columns_.total, mean(1, rows), dy);
  if (Observer* observer = group_->observer())
    tell(*observer, Phase::backward,
         label_smoothing_ > 0 ? "dY = (E / S₁ − (1 − ε) T − ε / V) / B" : "dY = (E / S₁ − T) / B",
         {observed_columns("E", cache.y, columns_.y.begin, columns_.total),
          observed_of_samples("S₁", cache.exp_sums, dy.rows()),
          observed_columns("T", t, 0, columns_.total),
          result(observed_columns("dY", dy, columns_.dy.begin, columns_.total))});
  return dy;
}

double CrossEntropy::mean(double sum, Index rows) const {
  return sum / static_cast<double>(rows);
}

std::unique_ptr<Loss> make_loss(const LossOptions& options, const Mlp& model) {
  if (options.kind == LossKind::mean_square) {
    return std::make_unique<MeanSquare>(model.group(), model.output());
  }
  return std::make_unique<CrossEntropy>(model.group(), model.output(), options.label_smoothing,
                                        model.options().shards > 0);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
