#include "colonnade/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/nonfinite.hpp"
#include "colonnade/prediction.hpp"
#include "colonnade/random.hpp"
#include "colonnade/tree_sum.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void fetch(ProcessGroup& group, const Dataset& data, std::span<const Index> rows, Tensor& x,
           Tensor& t) {
  const Span span = group.span(Activity::batch);
  data.fetch_batch(rows, x, t);
}

Traffic traffic_of(Mesh& mesh) {
  Traffic sum = mesh.tp().total_traffic();
  sum += mesh.dp().total_traffic();
  return sum;
}

}  // namespace

Evaluation evaluate(TrainingJob& job, const Dataset& data, Index batch, Index accumulate,
                    Index row_blocks) {
  ProcessGroup& dp = job.mesh().dp();
  const Mlp& model = job.model();
  const Loss& loss = job.loss();
  const Span span = model.group().span(Activity::evaluation);
  std::vector<double> sums;  // of each micro-batch, over the batches
  std::int64_t right = 0;
  std::vector<Index> rows;
  for (Index begin = 0; begin < data.samples(); begin += batch) {
    const Index count = std::min(batch, data.samples() - begin);
    const auto parts = micro_batches(count, dp.size(), dp.rank(), accumulate, row_blocks);
    sums.resize(parts.size());
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const Index part_rows = parts[part].size();
      if (part_rows == 0) continue;
      rows.resize(static_cast<std::size_t>(part_rows));
      std::iota(rows.begin(), rows.end(), begin + parts[part].begin);
      Tensor x(part_rows, data.inputs(), model.memory());
      Tensor t(part_rows, data.targets(), model.memory());
      fetch(model.group(), data, rows, x, t);
      Tensor y = model.forward(std::move(x)).y;
      if (data.has_classes()) {
        const std::vector<std::int64_t> columns = largest_columns(model, y);
        for (std::size_t i = 0; i < rows.size(); ++i)
          if (columns[i] == data.class_of(rows[i])) ++right;
      }
      sums[part] += loss.forward(std::move(y), t).sum;
    }
  }
  const bool exact = row_blocks > 0;
  const double sum =
      dp.all_reduce(tree_sum(sums), Reduction::sum, exact ? SumOrder::tree : SumOrder::any);
  Evaluation result;
  result.loss = loss.mean(sum, data.samples());
  if (!std::isfinite(result.loss)) {
    const Error error("the test loss is no longer finite",
                      {.found = std::to_string(result.loss), .hint = "try a smaller --lr"});
    throw NonFinite("test loss", error.what());
  }
  if (data.has_classes()) {
    result.accuracy =
        static_cast<double>(dp.all_reduce(right)) / static_cast<double>(data.samples());
  }
  return result;
}

Trainer::Trainer(TrainingJob& job, const Dataset& train, const Dataset* test,
                 const TrainerOptions& options)
    : job_(&job),
      training_step_(job.model(), job.loss(), job.optimizer(), job.data_parallel(),
                     {.clip = job.job().clip,
                      .judge_gradients = true,
                      .on_nonfinite = options.on_nonfinite,
                      .gradients = options.gradients}),
      train_(&train),
      test_(test),
      options_(options) {
  if ((options.row_blocks > 0) != (job.job().model.shards > 0)) {
    throw Error("a model in exact mode and row blocks go together only",
                {.wanted = "both shards and row_blocks, or neither",
                 .found = std::to_string(job.job().model.shards) + " shards and " +
                          std::to_string(options.row_blocks) + " row blocks"});
  }
  batches_an_epoch_ = (train.samples() + options.batch - 1) / options.batch;
  std::int64_t steps = options.steps;
  if (options.epochs > 0) {
    std::int64_t in_epochs = 0;
    if (__builtin_mul_overflow(options.epochs, batches_an_epoch_, &in_epochs)) {
      in_epochs = std::numeric_limits<std::int64_t>::max();  // more than anyone will wait for
    }
    steps = steps > 0 ? std::min(steps, in_epochs) : in_epochs;
  }
  schedule_ = {.kind = options.schedule,
               .warmup = options.warmup,
               .decay = options.decay > 0 ? options.decay : steps / 5,
               .steps = steps};
}

void Trainer::set_position(const Position& position) {
  const auto [step, epoch, batch] = position;
  const bool possible = step >= 0 && epoch >= 1 && batch >= 0 && batch <= batches_an_epoch_ &&
                        batch <= step && (step - batch) % batches_an_epoch_ == 0 &&
                        (step - batch) / batches_an_epoch_ == epoch - 1;
  if (!possible) {
    throw Error("a run on this data can't stand there",
                {.wanted = std::to_string(batches_an_epoch_) + " steps an epoch",
                 .found = "step " + std::to_string(step) + " at batch " + std::to_string(batch) +
                          " of epoch " + std::to_string(epoch),
                 .hint = "--batch and data must be those of the first part of the run"});
  }
  if (step > total_steps()) {
    throw Error("the run is further than it is to go",
                {.wanted = "at most " + std::to_string(total_steps()) + " steps",
                 .found = std::to_string(step)});
  }
  position_ = position;
}

RunEnd Trainer::run() {
  stopped_ = false;
  std::vector<Index> order(static_cast<std::size_t>(train_->samples()));
  std::iota(order.begin(), order.end(), Index{0});
  const bool at_end = position_.step == total_steps() && position_.step > 0;
  if (at_end || at_end_of_epoch()) end_epoch();
  while (position_.step < total_steps()) {
    if (options_.shuffle) {
      order = shuffled_order(train_->samples(), options_.seed,
                             static_cast<std::uint64_t>(position_.epoch));
    }
    while (!at_end_of_epoch() && position_.step < total_steps()) {
      const auto all = std::span<const Index>(order);
      const auto rows = all.subspan(static_cast<std::size_t>(position_.batch * options_.batch));
      on_step(step(rows.first(std::min(rows.size(), static_cast<std::size_t>(options_.batch)))));
      if (stopped_ && position_.step < total_steps()) return RunEnd::stopped;
    }
    end_epoch();
  }
  return RunEnd::complete;
}

void Trainer::end_epoch() {
  EpochReport report{.epoch = position_.epoch, .test = {}};
  if (test_ != nullptr) {
    report.test = evaluate(*job_, *test_, options_.batch, options_.accumulate, options_.row_blocks);
  }
  on_epoch(report);
  // A run that ends here stands at the end of its epoch: what goes on from there evaluates again.
  if (at_end_of_epoch() && position_.step < total_steps()) {
    ++position_.epoch;
    position_.batch = 0;
  }
}

StepReport Trainer::step(std::span<const Index> rows) {
  ProcessGroup& group = job_->model().group();
  const Span span = group.span(Activity::step, position_.step + 1);
  const auto begin = std::chrono::steady_clock::now();
  const Traffic before = traffic_of(job_->mesh());
  const Index count = static_cast<Index>(rows.size());
  const ProcessGroup& dp = job_->mesh().dp();
  if (count != parts_rows_) {
    parts_ = micro_batches(count, dp.size(), dp.rank(), options_.accumulate, options_.row_blocks);
    parts_rows_ = count;
  }
  before_step(parts_);
  const double factor = schedule_.factor(position_.step);
  const StepResult result = compute_step(rows, factor);
  stopped_ = result.stop;
  ++position_.step;
  ++position_.batch;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  return {.step = position_.step,
          .total_steps = total_steps(),
          .epoch = position_.epoch,
          .loss = result.loss,
          .learning_rate = job_->optimizer().options().learning_rate * factor,
          .rows = count,
          .seconds = elapsed.count(),
          .communication = traffic_of(job_->mesh()) - before,
          .gradient_norm = result.gradient_norm,
          .skipped = result.skipped};
}

std::pair<Tensor, Tensor> Trainer::batch_of(std::span<const Index> rows, Range part) {
  Tensor x(part.size(), train_->inputs(), job_->model().memory());
  Tensor t(part.size(), train_->targets(), job_->model().memory());
  fetch(job_->model().group(), *train_,
        rows.subspan(static_cast<std::size_t>(part.begin), static_cast<std::size_t>(part.size())),
        x, t);
  return {std::move(x), std::move(t)};
}

StepResult Trainer::compute_step(std::span<const Index> rows, double factor) {
  const Index count = static_cast<Index>(rows.size());
  try {
    if (parts_.size() == 1) {
      const Range part = parts_.front();
      auto [x, t] = batch_of(rows, part);
      return training_step_.run(std::move(x), std::move(t),
                                {.rows = count, .first_row = part.begin}, position_.step, factor,
                                should_stop());
    }
    training_step_.begin(count, static_cast<Index>(parts_.size()), position_.step);
    for (const Range part : parts_) {
      auto [x, t] = batch_of(rows, part);
      training_step_.add(std::move(x), std::move(t), part.begin);
    }
    return training_step_.finish(factor, should_stop());
  } catch (const NonFinite& error) {
    throw explain(error, *job_, {*train_, rows, parts_, position_.step});
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
