// Steps that are done again as they were recorded, beside steps that are computed one by one. Only
// where device memory is out of the program's reach is anything recorded: --out-of-reach.
#include <cmath>
#include <limits>
#include <vector>

#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"
#include "harness.hpp"

using namespace colonnade;

namespace {

/// A model with its optimizer, on this rank alone.
struct Training {
  explicit Training(UsedGradients gradients)
      : model(group, {.widths = {7, 12, 5}, .seed = 3}),
        loss(group, model.output()),
        optimizer(model.parameters(), {.learning_rate = 0.01}),
        step(model, loss, optimizer, nullptr,
             {.clip = 0.5, .on_nonfinite = OnNonfinite::skip, .gradients = gradients}) {}

  ProcessGroup group = ProcessGroup::self();
  Mlp model;
  MeanSquare loss;
  AdamW optimizer;
  TrainingStep step;
};

Tensor batch(Index rows, Index cols, std::uint64_t number, double factor = 1) {
  Tensor data = sample_data(rows, cols, number, "batch");
  if (factor != 1) write_number(static_cast<Scalar>(factor), data.data());
  return data;
}

/// The numbers of a step, of which the seventh is refused and the fifth has fewer rows.
std::vector<double> numbers_of(const StepResult& result) {
  return {result.loss, *result.gradient_norm, result.skipped.empty() ? 1.0 : 0.0};
}

template <class Step>
std::vector<double> train(Training& training, int steps, const Step& step) {
  std::vector<double> numbers;
  for (int i = 0; i < steps; ++i) {
    const Index rows = i == 4 ? 3 : 6;
    const double spoiled = i == 6 ? std::numeric_limits<double>::infinity() : 1;
    const auto number = static_cast<std::uint64_t>(i);
    const StepResult result = step(training.step, batch(rows, 7, number, spoiled),
                                   batch(rows, 5, number + 100), i, 1.0 / (i + 1));
    for (const double x : numbers_of(result)) numbers.push_back(x);
  }
  for (const Parameter* parameter : training.model.parameters()) {
    const OnHost value(parameter->value);
    numbers.insert(numbers.end(), value.numbers().begin(), value.numbers().end());
  }
  numbers.push_back(static_cast<double>(training.optimizer.updates()));
  return numbers;
}

StepResult one_by_one(TrainingStep& step, Tensor x, Tensor t, std::int64_t done, double factor) {
  step.begin(x.rows(), 1, done);
  step.add(std::move(x), std::move(t), 0);
  return step.finish(factor);
}

StepResult at_once(TrainingStep& step, Tensor x, Tensor t, std::int64_t done, double factor) {
  return step.run(std::move(x), std::move(t), done, factor);
}

}  // namespace

TEST_CASE("steps that are done again have the bits of those that are not") {
  for (const UsedGradients gradients : {UsedGradients::keep, UsedGradients::zero}) {
    Training plain(gradients), repeated(gradients);
    const std::vector<double> want = train(plain, 12, one_by_one);
    const std::vector<double> got = train(repeated, 12, at_once);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      CAPTURE(i);
      const bool both_nan = std::isnan(got[i]) && std::isnan(want[i]);
      CHECK((got[i] == want[i] || both_nan));
    }
    CHECK(plain.step.replays() == 0);
    // Two of six rows before the third is recorded; one has fewer; the one after that which was
    // refused may begin with gradients to zero.
    if (!host_reaches_device_memory()) CHECK(repeated.step.replays() >= 7);
  }
}
