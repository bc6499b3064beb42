#include "colonnade/training_step.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// How many partial sums end with item `index` of the tree of a power of two.
int joins_after(Index index) {
  return std::countr_zero(static_cast<std::uint64_t>(index) + 1);
}

}  // namespace

TrainingStep::TrainingStep(Mlp& model, const Loss& loss, AdamW& optimizer,
                           DataParallel* data_parallel, double clip)
    : model_(&model),
      loss_(&loss),
      optimizer_(&optimizer),
      data_parallel_(data_parallel),
      clip_(clip),
      norm_account_(clip > 0 ? model.group().account("norm") : 0),
      loss_sums_(model.memory()) {
  if (clip > 0) squares_.resize(model.parameters().size());
  if (data_parallel == nullptr) return;
  if (exact() != (data_parallel->kind() == GradientSum::exact)) {
    throw Error("a model in exact mode and GradientSum::exact go together only");
  }
  if (data_parallel->kind() == GradientSum::own_run &&
      optimizer.moments_over() != &data_parallel->group()) {
    throw Error("GradientSum::own_run needs an optimizer that updates the own runs",
                {.hint = "give AdamW the data-parallel group as moments_over"});
  }
}

void TrainingStep::begin(Index rows, Index micro_batches, std::int64_t steps_done) {
  if (exact()) require_power_of_two(micro_batches, "the number of a rank's micro-batches");
  model_->zero_grad();
  gradient_sums_height_ = 0;  // a step that an exception ended may have left some
  rows_ = rows;
  micro_batches_ = micro_batches;
  added_ = 0;
  steps_done_ = static_cast<std::uint64_t>(steps_done);
  loss_sums_.clear();
}

void TrainingStep::add(Tensor x, ConstMatrixView t, Index first_row) {
  check_count(added_ < micro_batches_);
  const bool is_last = added_ + 1 == micro_batches_;
  const auto ready = [&](LinearLayer& layer) {
    if (is_last && data_parallel_ != nullptr) data_parallel_->start(layer);
  };
  if (x.rows() > 0) {
    const ForwardContext context{.training = true, .step = steps_done_, .first_row = first_row};
    auto [y, cache] = model_->forward(std::move(x), context);
    auto [sum, loss_cache] = loss_->forward(std::move(y), t);
    loss_sums_.push_back(sum);
    Tensor dy = loss_->backward(std::move(loss_cache), t, rows_);
    model_->backward(std::move(cache), std::move(dy), ready);
  } else {
    loss_sums_.push_back(0);
    for (std::size_t i = model_->layers().size(); i-- > 0;) ready(*model_->layers()[i]);
  }
  join_gradients_along_tree();
  ++added_;
}

// The stack of sum_along_tree, spread over the calls of add. The gradients themselves are its top,
// and as backward adds to them, a pair of micro-batches joins by itself.
void TrainingStep::join_gradients_along_tree() {
  if (!exact() || added_ % 2 == 0) return;
  const auto parameters = model_->parameters();
  for (int joins = joins_after(added_); joins > 1; --joins) {
    std::vector<Tensor>& lower = gradient_sums_[static_cast<std::size_t>(--gradient_sums_height_)];
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      accumulate(lower[i], parameters[i]->grad);
    }
  }
  if (added_ + 1 == micro_batches_) return;
  if (gradient_sums_.size() == static_cast<std::size_t>(gradient_sums_height_)) {
    gradient_sums_.emplace_back();
    for (const Parameter* parameter : parameters) {
      gradient_sums_.back().push_back(Tensor(parameter->grad.rows(), parameter->grad.cols()));
    }
  }
  std::vector<Tensor>& stash = gradient_sums_[static_cast<std::size_t>(gradient_sums_height_++)];
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::swap(stash[i], parameters[i]->grad);
    parameters[i]->grad.set_zero();
  }
}

void TrainingStep::check_count(bool fits) const {
  if (fits) return;
  throw Error("a step needs all of its micro-batches and no more",
              {.wanted = std::to_string(micro_batches_), .found = std::to_string(added_)});
}

double TrainingStep::sum() {
  check_count(added_ == micro_batches_);
  double sum = tree_sum(loss_sums_);
  if (data_parallel_ != nullptr) {
    data_parallel_->finish();
    ProcessGroup& group = data_parallel_->group();
    const AccountScope charge = group.charge(group.account("loss"));
    sum = group.all_reduce(sum, Reduction::sum, exact() ? SumOrder::tree : SumOrder::any);
  }
  return loss_->mean(sum, rows_);
}

StepResult TrainingStep::finish(double factor) {
  StepResult result;
  result.loss = sum();
  require_finite(result.loss, "loss");
  double scale = 1;
  if (clip_ > 0) {
    result.gradient_norm = gradient_norm();
    require_finite(*result.gradient_norm, "gradients' norm");
    // As PyTorch's clip_grad_norm_ has it.
    scale = std::min(1.0, clip_ / (*result.gradient_norm + 1e-6));
  }
  optimizer_->step(factor, scale);
  return result;
}

// |g|^2 is the sum over tensor-parallel ranks of what they cut, and what all of them hold counts
// once: the first of them counts it.
double TrainingStep::gradient_norm() {
  ProcessGroup& group = model_->group();
  const auto parameters = model_->parameters();
  const bool in_runs = data_parallel_ != nullptr && data_parallel_->kind() == GradientSum::own_run;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = *parameters[i];
    const bool counts = !parameter.replicated || group.rank() == 0;
    squares_[i] = !counts   ? 0
                  : in_runs ? sum_of_squares(data_parallel_->own_sum(parameter))
                            : sum_of_squares(parameter.grad, parameter.weight_shards());
  }
  if (in_runs) {
    ProcessGroup& dp = data_parallel_->group();
    const AccountScope charge = dp.charge(dp.account("norm"));
    dp.all_reduce(std::span(squares_));
  }
  const AccountScope charge = group.charge(norm_account_);
  group.all_reduce(std::span(squares_), Reduction::sum, exact() ? SumOrder::tree : SumOrder::any);
  double sum = 0;
  for (const double square : squares_) sum += square;
  return std::sqrt(sum);
}

double training_step(Mlp& model, AdamW& optimizer, Tensor x, ConstMatrixView t, double factor) {
  const MeanSquare loss(model.group(), model.output());
  TrainingStep step(model, loss, optimizer);
  step.begin(x.rows(), 1);
  step.add(std::move(x), t, 0);
  return step.finish(factor).loss;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
