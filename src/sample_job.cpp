#include "sample_job.hpp"

#include <numeric>
#include <utility>

#include "colonnade/random.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/tree_sum.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Two batches and a short one of an odd size: it cannot be cut evenly among two, so that a mean of
/// the ranks' means would show.
Index sample_count(Index batch) {
  return 2 * batch + (batch / 2 | 1);
}

/// Targets [classes, n], one-hot.
Tensor sample_classes(Index classes, Index n, std::uint64_t seed) {
  const KeyedRandom random(seed, "check.classes");
  Tensor targets = Tensor::zeros(classes, n, system_memory());
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t bits = random.bits(static_cast<std::uint64_t>(i));
    targets(static_cast<Index>(bits % static_cast<std::uint64_t>(classes)), i) = 1;
  }
  return targets;
}

}  // namespace

MatrixDataset sample_dataset(const Job& job, Index samples, std::uint64_t seed) {
  const std::vector<Index>& widths = job.model.widths;
  Tensor x = sample_data(widths.front(), samples, seed, "check.inputs", system_memory());
  Tensor t = job.loss.kind == LossKind::cross_entropy
                 ? sample_classes(widths.back(), samples, seed)
                 : sample_data(widths.back(), samples, seed, "check.targets", system_memory());
  return {std::move(x), std::move(t), "sample inputs", "sample targets"};
}

SampleJob::SampleJob(Mesh& mesh, const Job& job, const TrainerOptions& trainer)
    : mesh_(&mesh),
      exact_(job.model.shards > 0),
      trainer_(trainer),
      parts_(colonnade::micro_batches(trainer.batch, mesh.shape().dp, mesh.dp().rank(),
                                      trainer.accumulate, trainer.row_blocks)) {
  trainer_.epochs = 0;
  collectively(mesh.world(), [&] {
    data_.emplace(sample_dataset(job, sample_count(trainer.batch), trainer.seed));
    training_.emplace(mesh, job, sample_adamw);
    // Zero, as biases begin, would hide one that is added twice.
    for (Parameter* parameter : model().parameters()) {
      if (parameter->is_bias) fill_normal(*parameter, job.model.seed, 0.5);
    }
  });
}

std::pair<Tensor, Tensor> SampleJob::rows_of_batch(Range rows) {
  std::vector<Index> samples(static_cast<std::size_t>(rows.size()));
  std::iota(samples.begin(), samples.end(), rows.begin);
  Tensor x(rows.size(), data_->inputs(), training_->model().memory());
  Tensor t(rows.size(), data_->targets(), training_->model().memory());
  data_->fetch_batch(samples, x, t);
  return {std::move(x), std::move(t)};
}

double SampleJob::loss() {
  std::vector<double> sums;
  for (const Range part : parts_) {
    if (part.size() == 0) {
      sums.push_back(0);
      continue;
    }
    auto [x, t] = rows_of_batch(part);
    const ForwardContext context{.training = true, .step = 0, .first_row = part.begin};
    sums.push_back(training_->loss().forward(model().forward(std::move(x), context).y, t).sum);
  }
  const SumOrder order = exact_ ? SumOrder::tree : SumOrder::any;
  return training_->loss().mean(mesh_->dp().all_reduce(tree_sum(sums), Reduction::sum, order),
                                trainer_.batch);
}

double SampleJob::sum_gradients() {
  TrainingStep step(training_->model(), training_->loss(), training_->optimizer(),
                    training_->data_parallel());
  step.begin(trainer_.batch, static_cast<Index>(parts_.size()));
  for (const Range part : parts_) {
    auto [x, t] = rows_of_batch(part);
    step.add(std::move(x), std::move(t), part.begin);
  }
  const double loss = step.sum();
  training_->gather_gradients();
  return loss;
}

std::vector<double> SampleJob::train(const std::function<void(std::span<const Range>)>& before_step,
                                     const std::function<void()>& after_step) {
  std::vector<double> numbers;
  Trainer trainer(*training_, *data_, &*data_, trainer_);
  trainer.before_step = before_step;
  trainer.on_step = [&](const StepReport& report) {
    numbers.push_back(report.loss);
    if (report.gradient_norm) numbers.push_back(*report.gradient_norm);
    after_step();
  };
  trainer.on_epoch = [&](const EpochReport& report) { numbers.push_back(report.test->loss); };
  trainer.run();
  return numbers;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
