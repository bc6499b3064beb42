// The loop around a step: which rows it visits, when it ends, what it reports.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "colonnade/random.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

namespace {

/// Sample i has the input i in every column and remembers in which order it was asked for.
class NumberedDataset final : public Dataset {
 public:
  explicit NumberedDataset(Index samples, Index targets = 4)
      : samples_(samples), targets_(targets) {}
  Index samples() const override { return samples_; }
  Index inputs() const override { return 3; }
  Index targets() const override { return targets_; }
  bool has_classes() const override { return true; }
  Index class_of(Index sample) const override { return sample % 4; }
  std::size_t bytes() const override { return 0; }
  std::uint64_t digest() const override { return 0; }
  void fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const override {
    for (Index i = 0; i < x.rows; ++i) {
      const Index sample = rows[static_cast<std::size_t>(i)];
      if (visited.size() < visited.capacity()) visited.push_back(sample);
      for (Index j = 0; j < x.cols; ++j) x.data[j * x.rows + i] = static_cast<Scalar>(sample) / 50;
      for (Index j = 0; j < t.cols; ++j) t.data[j * t.rows + i] = sample % 4 == j ? 1 : 0;
    }
  }
  mutable std::vector<Index> visited;

 private:
  Index samples_;
  Index targets_;
};

struct Run {
  explicit Run(ProcessGroup& group, const TrainerOptions& options, Index samples = 10)
      : mesh(group, {1, group.size()}),
        data(samples),
        job(mesh, {.model = {.widths = {3, 5, 4}}, .mesh = mesh.shape()}, {}) {
    data.visited.reserve(1000);
    Trainer trainer(job, data, nullptr, options);
    trainer.on_step = [&](const StepReport& report) { steps.push_back(report); };
    trainer.on_epoch = [&](const EpochReport& report) { epochs.push_back(report.epoch); };
    trainer.run();
  }
  Mesh mesh;
  NumberedDataset data;
  TrainingJob job;
  std::vector<StepReport> steps;
  std::vector<std::int64_t> epochs;
};

std::vector<Index> sorted(std::vector<Index> values) {
  std::sort(values.begin(), values.end());
  return values;
}

const std::vector<Index> zero_to_nine = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

}  // namespace

TEST_CASE("an epoch visits every sample once, the last short batch included") {
  ProcessGroup alone = ProcessGroup::self();
  const Run run(alone, {.batch = 4, .epochs = 1});
  CHECK(run.steps.size() == 3);
  CHECK(run.steps.back().rows == 2);
  CHECK(sorted(run.data.visited) == zero_to_nine);
  CHECK(run.data.visited == shuffled_order(10, 0, 1));
}

TEST_CASE("without shuffling rows come in file order, with it in another one each epoch") {
  ProcessGroup alone = ProcessGroup::self();
  const Run in_order(alone, {.batch = 10, .epochs = 1, .shuffle = false});
  CHECK(in_order.data.visited == zero_to_nine);
  const Run shuffled(alone, {.batch = 10, .epochs = 2, .seed = 3});
  const std::vector<Index>& visited = shuffled.data.visited;
  REQUIRE(visited.size() == 20);
  CHECK(!std::equal(visited.begin(), visited.begin() + 10, visited.begin() + 10));
}

TEST_CASE("a run ends after its steps or its epochs, whichever comes first") {
  ProcessGroup alone = ProcessGroup::self();
  CHECK(Run(alone, {.batch = 4, .epochs = 0, .steps = 7}).steps.size() == 7);
  CHECK(Run(alone, {.batch = 4, .epochs = 2, .steps = 7}).steps.size() == 6);
  CHECK(Run(alone, {.batch = 4, .epochs = 3, .steps = 7}).steps.size() == 7);
  const Run run(alone, {.batch = 4, .epochs = 0, .steps = 4});
  CHECK(run.epochs == std::vector<std::int64_t>{1, 2});
  CHECK(run.steps.back().step == 4);
  CHECK(run.steps.back().epoch == 2);
  CHECK(run.steps.back().total_steps == 4);
}

TEST_CASE("reports carry the schedule's learning rate") {
  ProcessGroup alone = ProcessGroup::self();
  const Run run(alone, {.batch = 5, .epochs = 5, .schedule = ScheduleKind::cosine, .warmup = 2});
  REQUIRE(run.steps.size() == 10);
  const Schedule schedule{.kind = ScheduleKind::cosine, .warmup = 2, .steps = 10};
  for (const StepReport& report : run.steps) {
    CHECK(report.learning_rate == 1e-3 * schedule.factor(report.step - 1));
    CHECK(report.seconds > 0);
  }
}

TEST_CASE("the schedule's factor reaches the parameters") {
  // An AdamW step, its decay included, is proportional to its factor: from the same state, factor
  // 1/2 moves half as far. The state is the initial one for a warm-up, and for the cosine's middle
  // that after one whole step.
  ProcessGroup alone = ProcessGroup::self();
  const auto run = [&](std::int64_t steps, ScheduleKind kind, std::int64_t warmup) {
    return Run(alone,
               {.batch = 10, .epochs = 0, .steps = steps, .schedule = kind, .warmup = warmup});
  };
  Mlp initial(alone, {.widths = {3, 5, 4}});
  Run one = run(1, ScheduleKind::constant, 0), two = run(2, ScheduleKind::constant, 0);
  Run warm = run(1, ScheduleKind::constant, 2), cosine = run(2, ScheduleKind::cosine, 0);
  const auto check_half_way = [](Mlp& from, Mlp& to, Mlp& middle) {
    double moved = 0;
    for (std::size_t p = 0; p < from.parameters().size(); ++p) {
      const Tensor& begin = from.parameters()[p]->value;
      const Tensor& end = to.parameters()[p]->value;
      const Tensor& half = middle.parameters()[p]->value;
      for (Index i = 0; i < begin.size(); ++i) {
        const double way = double{end.data()[i]} - double{begin.data()[i]};
        moved = std::max(moved, std::abs(way));
        CHECK(std::abs(double{half.data()[i]} - (double{begin.data()[i]} + way / 2)) <=
              16 * harness::epsilon);
      }
    }
    CHECK(moved > 5e-4);  // about the learning rate: half of it can't pass for all of it
  };
  check_half_way(initial, one.job.model(), warm.job.model());
  check_half_way(one.job.model(), two.job.model(), cosine.job.model());
}

RANKS_TEST_CASE("evaluation is the mean over samples and outputs, and the largest output wins",
                "1-4") {
  // y = 3 (s / 50) w + b for sample s, of class s % 4. The largest output is 1 up to sample 5 and 2
  // from 6 on, which is right for samples 1, 5, 6 and 10; the smallest is always 3.
  const double w[] = {0, 0, 1, 0}, b[] = {0.1, 0.5, 0.17, -0.4};
  Mesh mesh(world, {1, world.size()});
  TrainingJob job(mesh, {.model = {.widths = {3, 4}}, .mesh = mesh.shape()}, {});
  for (Parameter* parameter : job.model().parameters())
    for (Index j = 0; j < parameter->value.cols(); ++j)
      for (Index i = 0; i < parameter->value.rows(); ++i)
        parameter->value(i, j) =
            static_cast<Scalar>((parameter->is_bias ? b : w)[parameter->owned_cols.begin + j]);
  double sum = 0;
  for (int s = 0; s < 11; ++s)
    for (int j = 0; j < 4; ++j) sum += std::pow(0.06 * s * w[j] + b[j] - (s % 4 == j ? 1 : 0), 2);
  for (const Index batch : {3, 11}) {
    const Evaluation got = evaluate(job, NumberedDataset(11), batch);
    CHECK(std::abs(got.loss - sum / (11 * 4)) <= harness::rounding);
    CHECK(got.accuracy == 4.0 / 11);
  }
}

RANKS_TEST_CASE("evaluation does not depend on the batch size, the mesh or the layout", "1-8") {
  ProcessGroup alone = ProcessGroup::self();
  const NumberedDataset data(11, 8);
  for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy}) {
    Job job = {.model = {.widths = {3, 9, 8}}, .loss = {.kind = loss}};
    job.model.shard_output = loss == LossKind::cross_entropy;
    Mesh mesh_of_one(alone, {1, 1});
    TrainingJob whole(mesh_of_one, job, {});
    const Evaluation want = evaluate(whole, data, 11);
    for (int dp = 1; dp <= world.size(); ++dp) {
      if (world.size() % dp != 0) continue;
      job.mesh = {dp, world.size() / dp};
      Mesh mesh(world, job.mesh);
      for (const Layout layout : {Layout::gather, Layout::pair}) {
        job.model.layout = layout;
        TrainingJob sharded(mesh, job, {});
        for (const Index batch : {1, 4, 100}) {
          const Evaluation got = evaluate(sharded, data, batch);
          CHECK(std::abs(got.loss - want.loss) <= 16 * harness::rounding * want.loss);
          CHECK(got.accuracy == want.accuracy);
        }
      }
    }
  }
}

TEST_CASE("accuracy is the share of samples whose largest output is their class") {
  ProcessGroup alone = ProcessGroup::self();
  Mesh mesh(alone, {1, 1});
  TrainingJob job(mesh, {.model = {.widths = {3, 5, 8}}}, {});
  const NumberedDataset data(11, 8);
  // By hand, from the outputs themselves.
  Tensor x(11, 3), t(11, 8);
  data.fill_batch(std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, x, t);
  const Tensor y = job.model().forward(std::move(x)).y;
  Index right = 0;
  for (Index i = 0; i < 11; ++i) {
    bool largest = true;
    for (Index j = 0; j < 8; ++j) largest = largest && y(i, j) <= y(i, i % 4);
    right += largest ? 1 : 0;
  }
  CHECK(evaluate(job, data, 4).accuracy == static_cast<double>(right) / 11);
}
