#include "colonnade/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/random.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// A loss is computed from y, which is replicated: every rank finds it not finite, or none.
void check_finite(double loss, const std::string& which) {
  if (std::isfinite(loss)) return;
  const Error error("the " + which + " is no longer finite",
                    {.found = std::to_string(loss), .hint = "try a smaller --lr or a --warmup"});
  throw Error::agreed(error.what());
}

}  // namespace

double training_step(Mlp& model, AdamW& optimizer, Tensor x, ConstMatrixView t, double factor) {
  model.zero_grad();
  auto [y, cache] = model.forward(std::move(x));
  const double loss = MeanSquare::forward(y, t);
  check_finite(loss, "loss");
  Tensor dy = MeanSquare::backward(y, t, model.output_columns(), model.memory());
  y = Tensor();  // its memory serves backward
  model.backward(std::move(cache), std::move(dy));
  optimizer.step(factor);
  return loss;
}

namespace {

Index largest_column(const Tensor& y, Index row) {
  Index best = 0;
  for (Index col = 1; col < y.cols(); ++col)
    if (y(row, col) > y(row, best)) best = col;
  return best;
}

}  // namespace

Evaluation evaluate(const Mlp& model, const Dataset& data, Index batch) {
  double squared_error = 0;
  Index right = 0;
  std::vector<Index> rows;
  for (Index begin = 0; begin < data.samples(); begin += batch) {
    rows.resize(static_cast<std::size_t>(std::min(batch, data.samples() - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    const Index count = static_cast<Index>(rows.size());
    Tensor x(count, data.inputs(), model.memory());
    Tensor t(count, data.targets(), model.memory());
    data.fill_batch(rows, x, t);
    const Tensor y = model.forward(std::move(x)).y;
    squared_error += squared_error_forward(y, t);
    if (!data.has_classes()) continue;
    for (Index i = 0; i < count; ++i)
      if (largest_column(y, i) == data.class_of(begin + i)) ++right;
  }
  const double samples = static_cast<double>(data.samples());
  Evaluation result;
  result.loss = squared_error / (samples * static_cast<double>(data.targets()));
  check_finite(result.loss, "test loss");
  if (data.has_classes()) result.accuracy = static_cast<double>(right) / samples;
  return result;
}

Trainer::Trainer(ProcessGroup& group, Mlp& model, AdamW& optimizer, const Dataset& train,
                 const Dataset* test, const TrainerOptions& options)
    : group_(&group),
      model_(&model),
      optimizer_(&optimizer),
      train_(&train),
      test_(test),
      options_(options) {
  const std::int64_t steps_an_epoch = (train.samples() + options.batch - 1) / options.batch;
  std::int64_t steps = options.steps;
  if (options.epochs > 0) {
    std::int64_t in_epochs = 0;
    if (__builtin_mul_overflow(options.epochs, steps_an_epoch, &in_epochs)) {
      in_epochs = std::numeric_limits<std::int64_t>::max();  // more than anyone will wait for
    }
    steps = steps > 0 ? std::min(steps, in_epochs) : in_epochs;
  }
  schedule_ = {.kind = options.schedule, .warmup = options.warmup, .steps = steps};
}

void Trainer::run() {
  std::vector<Index> order(static_cast<std::size_t>(train_->samples()));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::int64_t epoch = 1; steps_done_ < total_steps(); ++epoch) {
    if (options_.shuffle) {
      order = shuffled_order(train_->samples(), options_.seed, static_cast<std::uint64_t>(epoch));
    }
    std::span<const Index> left = order;
    while (!left.empty() && steps_done_ < total_steps()) {
      const auto rows = left.first(std::min(left.size(), static_cast<std::size_t>(options_.batch)));
      left = left.subspan(rows.size());
      StepReport report = step(rows);
      report.epoch = epoch;
      on_step(report);
    }
    EpochReport report{.epoch = epoch, .test = {}};
    if (test_ != nullptr) report.test = evaluate(*model_, *test_, options_.batch);
    on_epoch(report);
  }
}

StepReport Trainer::step(std::span<const Index> rows) {
  const auto begin = std::chrono::steady_clock::now();
  const Traffic before = group_->total_traffic();
  const Index count = static_cast<Index>(rows.size());
  Tensor x(count, train_->inputs(), group_->memory());
  Tensor t(count, train_->targets(), group_->memory());
  train_->fill_batch(rows, x, t);

  const double factor = schedule_.factor(steps_done_);
  const double loss = training_step(*model_, *optimizer_, std::move(x), t, factor);
  ++steps_done_;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  return {.step = steps_done_,
          .total_steps = total_steps(),
          .epoch = 0,
          .loss = loss,
          .learning_rate = optimizer_->options().learning_rate * factor,
          .rows = count,
          .seconds = elapsed.count(),
          .communication = group_->total_traffic() - before};
}

}  // namespace colonnade::inline COLONNADE_PRECISION
