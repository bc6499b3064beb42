#include "colonnade/loss.hpp"

#include <span>
#include <utility>

#include "colonnade/ops.hpp"
#include "loss_observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

Loss::Output Loss::forward(Tensor y, ConstMatrixView t) const {
  Numbers sum(1);
  Cache cache = forward_on_device(std::move(y), t, sum.span());
  return {sum.on_host().front(), std::move(cache)};
}

MeanSquare::MeanSquare(ProcessGroup& group, OutputColumns columns)
    : group_(&group), columns_(std::move(columns)) {
  if (columns_.y == Range{0, columns_.total}) return;
  throw Error("mean square needs the whole output on every rank",
              {.hint = "build the model without shard_output"});
}

Loss::Cache MeanSquare::forward_on_device(Tensor y, ConstMatrixView t,
                                          std::span<double> sum) const {
  const Span span = group_->span(Activity::loss);
  squared_error_forward(y, t, sum);
  tell_squared_error(*group_, columns_, y, t, sum.front());
  return {.y = std::move(y)};
}

Tensor MeanSquare::backward(Cache cache, ConstMatrixView t, Index rows) const {
  const Span span = group_->span(Activity::loss);
  const Range own = columns_.dy;
  // Beside y, which is free soon too: the gradient of the layer's input gets the place of both.
  // That takes tensors of one size on all ranks.
  const bool one_size = columns_.shards.empty() && columns_.total % group_->size() == 0;
  Tensor dy(cache.y.rows(), own.size(), one_size ? group_->visible_memory() : group_->memory());
  squared_error_backward(std::as_const(cache.y).columns(own), t.columns(own), mean(1, rows), dy);
  tell_squared_error_gradient(*group_, columns_, cache.y, t, dy);
  return dy;
}

double MeanSquare::divisor(Index rows) const {
  return static_cast<double>(rows) * static_cast<double>(columns_.total);
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

Loss::Cache CrossEntropy::forward_on_device(Tensor y, ConstMatrixView t,
                                            std::span<double> sum) const {
  const Span span = group_->span(Activity::loss);
  const AccountScope charge = group_->charge(account_, Phase::forward);
  Numbers largest(y.rows(), group_->memory()), sums(3 * y.rows(), group_->memory());

  row_largest(y, largest.span());
  tell_largest(*group_, columns_, y, largest.span());
  group_->all_reduce(largest.span(), Reduction::max);
  cross_entropy_forward(y, t.columns(columns_.y), largest.span(), sums.span(), columns_.shards);
  tell_exp_sums(*group_, columns_, largest.span(), t, y, sums.span());
  group_->all_reduce(sums.span(), Reduction::sum, order_);
  cross_entropy_loss(sums.span(), label_smoothing_, columns_.total, sum);
  tell_cross_entropy(*group_, label_smoothing_ > 0, y.rows(), sums.span(), sum.front());
  return {.y = std::move(y), .sums = std::move(sums)};
}

Tensor CrossEntropy::backward(Cache cache, ConstMatrixView t, Index rows) const {
  const Span span = group_->span(Activity::loss);
  Tensor dy(cache.y.rows(), cache.y.cols(), group_->memory());
  const std::span<const double> exp_sums =
      std::as_const(cache.sums).span().first(static_cast<std::size_t>(cache.y.rows()));
  cross_entropy_backward(cache.y, t.columns(columns_.dy), exp_sums, label_smoothing_,
                         columns_.total, mean(1, rows), dy);
  tell_cross_entropy_gradient(*group_, columns_, label_smoothing_ > 0, cache.y, exp_sums, t, dy);
  return dy;
}

double CrossEntropy::divisor(Index rows) const {
  return static_cast<double>(rows);
}

std::unique_ptr<Loss> make_loss(const LossOptions& options, const Mlp& model) {
  if (options.kind == LossKind::mean_square) {
    return std::make_unique<MeanSquare>(model.group(), model.output());
  }
  return std::make_unique<CrossEntropy>(model.group(), model.output(), options.label_smoothing,
                                        model.options().shards > 0);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
