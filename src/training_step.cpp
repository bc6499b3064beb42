#include "colonnade/training_step.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "step_observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// How many partial sums end with item `index` of the tree of a power of two.
int joins_after(Index index) {
  return std::countr_zero(static_cast<std::uint64_t>(index) + 1);
}

}  // namespace

TrainingStep::TrainingStep(Mlp& model, const Loss& loss, AdamW& optimizer,
                           DataParallel* data_parallel, const StepOptions& options)
    : model_(&model),
      loss_(&loss),
      optimizer_(&optimizer),
      data_parallel_(data_parallel),
      options_(options),
      norm_account_(judges_gradients() ? model.group().account("norm") : 0),
      loss_sums_(model.host_memory()) {
  if (judges_gradients()) squares_.resize(model.parameters().size() + 2);
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
  model_->carry_on(data_parallel_ != nullptr ? &data_parallel_->group() : nullptr);
  zero_gradients();
  gradient_sums_height_ = 0;  // a step that an exception ended may have left some
  rows_ = rows;
  micro_batches_ = micro_batches;
  added_ = 0;
  steps_done_ = static_cast<std::uint64_t>(steps_done);
  loss_sums_.clear();
}

void TrainingStep::zero_gradients() {
  const auto parameters = model_->parameters();
  const auto is_used = [](const Parameter* parameter) { return !parameter->grad_is_zero; };
  if (std::any_of(parameters.begin(), parameters.end(), is_used)) {
    const Span span = model_->group().span(Activity::zero_gradients);
    for (Parameter* parameter : parameters)
      if (is_used(parameter)) parameter->grad.set_zero();
  }
  // Sums of other copies may come without a backward here.
  for (Parameter* parameter : parameters) parameter->grad_is_zero = false;
}

void TrainingStep::add(Tensor x, Tensor t, Index first_row) {
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
    t = Tensor();
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
  const Span span = model_->group().span(Activity::accumulation);
  const auto parameters = model_->parameters();
  for (int joins = joins_after(added_); joins > 1; --joins) {
    std::vector<Tensor>& lower = gradient_sums_[static_cast<std::size_t>(--gradient_sums_height_)];
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      accumulate(lower[i], parameters[i]->grad);
    }
  }
  if (added_ + 1 == micro_batches_) {
    tell_gradient_sums(*model_);
    return;
  }
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

void TrainingStep::sum_over_copies(std::span<double> numbers) {
  check_count(added_ == micro_batches_);
  if (data_parallel_ == nullptr) return;
  data_parallel_->finish();
  tell_loss_part(model_->group(), numbers[0]);
  ProcessGroup& group = data_parallel_->group();
  const AccountScope charge = group.charge(group.account("loss"));
  group.all_reduce(numbers, Reduction::sum, exact() ? SumOrder::tree : SumOrder::any);
}

double TrainingStep::sum() {
  double sum = tree_sum(loss_sums_);
  sum_over_copies({&sum, 1});
  return loss_->mean(sum, rows_);
}

StepResult TrainingStep::finish(double factor, bool stop) {
  std::array<double, 2> sums = {tree_sum(loss_sums_), stop ? 1.0 : 0.0};
  sum_over_copies(std::span(sums).first(judges_gradients() ? 2 : 1));
  StepResult result;
  result.loss = loss_->mean(sums[0], rows_);
  tell_loss(model_->group(), sums[0], result.loss);
  bool loss_is_finite = std::isfinite(result.loss);
  if (judges_gradients()) share(result, sums[1], loss_is_finite);
  if (!loss_is_finite) return refuse(std::move(result), "loss", "is not finite");
  double scale = 1;
  if (judges_gradients()) {
    // As PyTorch's clip_grad_norm_ has it.
    const double norm = *result.gradient_norm;
    if (options_.clip > 0) scale = std::min(1.0, options_.clip / (norm + 1e-6));
    // AdamW squares what it gets.
    constexpr double largest_square = std::numeric_limits<Scalar>::max();
    if (!(scale * scale * norm * norm <= largest_square)) {
      const bool finite = std::isfinite(norm);
      return refuse(std::move(result), spoiled_gradient(finite ? largest_square : infinity),
                    finite ? "is too large to square" : "is not finite");
    }
  }
  const Span span = model_->group().span(Activity::update);
  optimizer_->step(factor, scale, options_.gradients, model_->group().observer());
  return result;
}

// The votes and the losses have come from the copies; this sum is over the ranks that share one, so
// that after it all ranks of the mesh know. That a loss is not finite travels too: a number that is
// wrong in the memory of one rank of a copy must not part that copy. It runs along the tree,
// because each copy has a group of its own for it, and the norm scales the update of all copies
// alike.
void TrainingStep::share(StepResult& result, double votes, bool& loss_is_finite) {
  const std::size_t tensors = squares_.size() - 2;
  sum_squares();
  squares_[tensors] = votes;
  squares_[tensors + 1] = loss_is_finite ? 0 : 1;
  ProcessGroup& group = model_->group();
  const AccountScope charge = group.charge(norm_account_);
  group.all_reduce(std::span(squares_), Reduction::sum, SumOrder::tree);
  result.stop = squares_[tensors] > 0;
  loss_is_finite = squares_[tensors + 1] == 0;
  double sum = 0;
  for (std::size_t i = 0; i < tensors; ++i) sum += squares_[i];
  result.gradient_norm = std::sqrt(sum);
  tell_norm(group, squares_, *result.gradient_norm);
}

StepResult TrainingStep::refuse(StepResult result, const std::string& quantity,
                                const std::string& verdict) const {
  const std::string why = "the " + quantity + " " + verdict;
  if (options_.on_nonfinite == OnNonfinite::stop) throw NonFinite(quantity, why);
  result.skipped = why;
  return result;
}

// |g|^2 is the sum over tensor-parallel ranks of what they cut, and what all of them hold counts
// once: the first of them counts it.
void TrainingStep::sum_squares() {
  const Span span = model_->group().span(Activity::norm);
  const auto parameters = model_->parameters();
  const bool in_runs = data_parallel_ != nullptr && data_parallel_->kind() == GradientSum::own_run;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = *parameters[i];
    const bool counts = !parameter.replicated || model_->group().rank() == 0;
    squares_[i] = !counts   ? 0
                  : in_runs ? sum_of_squares(data_parallel_->own_sum(parameter))
                            : sum_of_squares(parameter.grad, parameter.weight_shards());
  }
  tell_squares(model_->group(), squares_, in_runs);
  if (!in_runs) return;
  ProcessGroup& dp = data_parallel_->group();
  const AccountScope charge = dp.charge(dp.account("norm"));
  dp.all_reduce(std::span(squares_).first(parameters.size()));
}

// Backward goes from the last layer to the first, and what it carries downwards spoils the layers
// below: the last layer that is spoiled was the first. Of its two tensors the weight speaks.
std::string TrainingStep::spoiled_gradient(double bound) const {
  const auto parameters = model_->parameters();
  const auto spoiled = [&](std::size_t i) { return !(squares_[i] < bound); };
  for (std::size_t i = parameters.size(); i-- > 0;) {
    if (!spoiled(i)) continue;
    const bool weight_too = parameters[i]->is_bias && i > 0 && spoiled(i - 1);
    return "gradient of " + parameters[weight_too ? i - 1 : i]->name;
  }
  return "norm of all gradients";  // none is alone to blame
}

double training_step(Mlp& model, AdamW& optimizer, Tensor x, ConstMatrixView t, double factor) {
  const MeanSquare loss(model.group(), model.output());
  TrainingStep step(model, loss, optimizer);
  step.begin(x.rows(), 1);
  step.add(std::move(x), Tensor::copy_of(t, model.memory()), 0);
  return step.finish(factor).loss;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
