#include "colonnade/training_step.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "repeated_step.hpp"
#include "step_observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest_square = std::numeric_limits<Scalar>::max();

// Where things stand in numbers_.
constexpr std::size_t totals_at = 0, updates_at = 2, squares_at = 3;

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
      numbers_(squares_at + (judges_gradients() ? std::ssize(model.parameters()) + 2 : 0),
               model.memory()),
      numbers_here_(numbers_.span().size(), model.host_memory()) {
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

TrainingStep::~TrainingStep() {
  model_->carry_on(nullptr);
}

void TrainingStep::begin(Index rows, Index micro_batches, std::int64_t steps_done) {
  if (exact()) require_power_of_two(micro_batches, "the number of a rank's micro-batches");
  model_->carry_on(data_parallel_ != nullptr ? &data_parallel_->group() : nullptr);
  zero_gradients();
  gradient_sums_height_ = 0;  // a step that an exception ended may have left some
  rows_ = rows;
  told_steps_done_ = nullptr;
  micro_batches_ = micro_batches;
  added_ = 0;
  steps_done_ = static_cast<std::uint64_t>(steps_done);
  if (micro_batches > 1) repeated_.clear();  // what they have the addresses of moves
  if (std::ssize(loss_sums_.span()) < micro_batches) {
    loss_sums_ = Numbers(micro_batches, model_->memory());
  }
}

std::span<double> TrainingStep::totals() {
  return numbers_.span().subspan(totals_at, 2);
}
std::span<double> TrainingStep::updates() {
  return numbers_.span().subspan(updates_at, 1);
}
std::span<double> TrainingStep::squares() {
  return numbers_.span().subspan(squares_at);
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
  const std::span<double> loss_sum = loss_sums_.span().subspan(static_cast<std::size_t>(added_), 1);
  if (x.rows() > 0) {
    const ForwardContext context{.training = true,
                                 .step = steps_done_,
                                 .first_row = first_row,
                                 .step_on_device = told_steps_done_};
    auto [y, cache] = model_->forward(std::move(x), context);
    Loss::Cache loss_cache = loss_->forward_on_device(std::move(y), t, loss_sum);
    Tensor dy = loss_->backward(std::move(loss_cache), t, rows_);
    t = Tensor();
    model_->backward(std::move(cache), std::move(dy), ready);
  } else {
    zero_bytes(loss_sum.data(), loss_sum.size_bytes());
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

// The loss's sum over micro-batches and copies, beside the gradients' sums; and the votes, if
// `count` is 2.
void TrainingStep::sum_over_copies(Index count) {
  check_count(added_ == micro_batches_);
  add_along_tree(loss_sums_.span().first(static_cast<std::size_t>(micro_batches_)), totals());
  if (data_parallel_ == nullptr) return;
  data_parallel_->finish();
  tell_loss_part(model_->group(), totals()[0]);
  ProcessGroup& group = data_parallel_->group();
  const AccountScope charge = group.charge(group.account("loss"));
  group.all_reduce(totals().first(static_cast<std::size_t>(count)), Reduction::sum,
                   exact() ? SumOrder::tree : SumOrder::any);
}

double TrainingStep::sum() {
  sum_over_copies(1);
  double sum = 0;
  copy_bytes(totals().data(), &sum, sizeof sum);
  return loss_->mean(sum, rows_);
}

StepResult TrainingStep::finish(double factor, bool stop) {
  tell(factor, stop);
  compute();
  return result();
}

StepBounds TrainingStep::bounds() const {
  // AdamW squares what it gets.
  return {.loss_divisor = loss_->divisor(rows_),
          .clip = options_.clip,
          .largest_square = judges_gradients() ? largest_square : 0};
}

void TrainingStep::tell(double factor, bool stop) {
  const double vote = stop ? 1 : 0;
  copy_bytes(&vote, &totals()[1], sizeof vote);
  coefficients_ = optimizer_->begin_step(factor);
}

// Nobody waits for a number here, so that a device can be given the whole step at once: whether
// there is an update is decided where the numbers are.
void TrainingStep::compute() {
  sum_over_copies(judges_gradients() ? 2 : 1);
  if (judges_gradients()) share_squares();
  judge_step(bounds(), totals(), squares(), coefficients_, updates());
  if (host_reaches_device_memory() && updates()[0] == 0) return;
  const Span span = model_->group().span(Activity::update);
  optimizer_->finish_step(options_.gradients, model_->group().observer());
}

// The votes and the losses have come from the copies; this sum is over the ranks that share one, so
// that after it all ranks of the mesh know. That a loss is not finite travels too: a number that is
// wrong in the memory of one rank of a copy must not part that copy. It runs along the tree,
// because each copy has a group of its own for it, and the norm scales the update of all copies
// alike.
void TrainingStep::share_squares() {
  sum_squares();
  judge_loss(bounds(), totals(), squares().last(2));
  ProcessGroup& group = model_->group();
  const AccountScope charge = group.charge(norm_account_);
  group.all_reduce(squares(), Reduction::sum, SumOrder::tree);
}

StepResult TrainingStep::result() {
  numbers_.copy_to_host(numbers_here_);
  const std::span<const double> here = numbers_here_, squares = here.subspan(squares_at);
  StepResult result;
  result.loss = loss_->mean(here[totals_at], rows_);
  tell_loss(model_->group(), here[totals_at], result.loss);
  bool loss_is_finite = std::isfinite(result.loss);
  if (judges_gradients()) {
    const std::size_t tensors = squares.size() - 2;
    double sum = 0;
    for (std::size_t i = 0; i < tensors; ++i) sum += squares[i];
    result.gradient_norm = std::sqrt(sum);
    result.stop = squares[tensors] > 0;
    loss_is_finite = squares[tensors + 1] == 0;
    tell_norm(model_->group(), squares, *result.gradient_norm);
  }
  if (here[updates_at] != 0) return result;
  if (!loss_is_finite) return refuse(std::move(result), "loss", "is not finite");
  const bool finite = std::isfinite(*result.gradient_norm);
  return refuse(std::move(result), spoiled_gradient(squares, finite ? largest_square : infinity),
                finite ? "is too large to square" : "is not finite");
}

StepResult TrainingStep::refuse(StepResult result, const std::string& quantity,
                                const std::string& verdict) {
  // Where it was decided out of reach, the update was asked for and did nothing.
  if (!host_reaches_device_memory()) {
    optimizer_->set_updates(optimizer_->updates() - 1);
    for (Parameter* parameter : model_->parameters()) parameter->grad_is_zero = false;
  }
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
    const std::span<double> square = squares().subspan(i, 1);
    if (parameter.replicated && model_->group().rank() > 0) {
      zero_bytes(square.data(), square.size_bytes());
    } else if (in_runs) {
      sum_of_squares(data_parallel_->own_sum(parameter), {}, square);
    } else {
      sum_of_squares(parameter.grad, parameter.weight_shards(), square);
    }
  }
  tell_squares(model_->group(), squares(), in_runs);
  if (!in_runs) return;
  ProcessGroup& dp = data_parallel_->group();
  const AccountScope charge = dp.charge(dp.account("norm"));
  dp.all_reduce(squares().first(parameters.size()));
}

// Backward goes from the last layer to the first, and what it carries downwards spoils the layers
// below: the last layer that is spoiled was the first. Of its two tensors the weight speaks.
std::string TrainingStep::spoiled_gradient(std::span<const double> squares, double bound) const {
  const auto parameters = model_->parameters();
  const auto spoiled = [&](std::size_t i) { return !(squares[i] < bound); };
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
