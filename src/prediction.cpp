#include "colonnade/prediction.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "colonnade/device_array.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/training_step.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

bool is_sharded(const Mlp& model) {
  return model.output().y.size() < model.output().total;
}

std::vector<double> largest_outputs(const Mlp& model, ConstMatrixView y) {
  Numbers largest(y.rows, model.memory());
  row_largest(y, largest.span());
  if (is_sharded(model)) model.group().all_reduce(largest.span(), Reduction::max);
  return largest.on_host();
}

/// For each row the score of its true class, and the sum of the scores of all, which one output
/// that is not finite spoils; `score` makes one of an output and the largest of its row. Collective
/// over the group.
template <class Score>
std::vector<double> truth_and_sum(const Mlp& model, ConstMatrixView y,
                                  std::span<const double> largest,
                                  std::span<const std::int64_t> truth, Score score) {
  const Range own = model.output().y;
  const OnHost outputs(y);
  std::vector<double> pairs(2 * largest.size());
  for (std::size_t i = 0; i < largest.size(); ++i) {
    for (Index column = 0; column < y.cols; ++column) {
      const double number = score(double{outputs(static_cast<Index>(i), column)}, largest[i]);
      if (own.begin + column == truth[i]) pairs[2 * i] = number;
      pairs[2 * i + 1] += number;
    }
  }
  if (is_sharded(model)) model.group().all_reduce(std::span(pairs));
  return pairs;
}

/// Of rows of which `truth` are the classes. Collective over the model's group.
std::vector<Prediction> predictions_of(const Mlp& model, LossKind loss, ConstMatrixView y,
                                       std::span<const std::int64_t> truth) {
  const std::vector<double> largest = largest_outputs(model, y);
  const std::vector<std::int64_t> columns = largest_columns(model, y);
  const bool probable = loss == LossKind::cross_entropy;
  const std::vector<double> pairs =
      truth_and_sum(model, y, largest, truth, [probable](double output, double most) {
        return probable ? std::exp(output - most) : output;
      });
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double sum = pairs[2 * i + 1];
    const double divisor = probable || !std::isfinite(sum) ? sum : 1;
    predictions.push_back(
        {columns[i], (probable ? 1 : largest[i]) / divisor, pairs[2 * i] / divisor});
  }
  return predictions;
}

}  // namespace

std::vector<std::int64_t> largest_columns(const Mlp& model, ConstMatrixView y) {
  const std::vector<double> largest = largest_outputs(model, y);
  const OnHost outputs(y);
  std::vector<std::int64_t> columns(largest.size(), model.output().total);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Index column = 0;
    const Index row = static_cast<Index>(i);
    while (column < y.cols && double{outputs(row, column)} != largest[i]) ++column;
    if (column < y.cols) columns[i] = model.output().y.begin + column;
  }
  if (is_sharded(model)) model.group().all_reduce(std::span(columns), Reduction::min);
  return columns;
}

std::vector<Prediction> predict(Mesh& mesh, const Mlp& model, LossKind loss, const Dataset& data,
                                Index batch) {
  ProcessGroup& dp = mesh.dp();
  // Three numbers a sample; those of other ranks' samples stay 0, so that the sum is all.
  std::vector<double> numbers(static_cast<std::size_t>(3 * data.samples()));
  for (Index begin = 0; begin < data.samples(); begin += batch) {
    const Index count = std::min(batch, data.samples() - begin);
    const Range part = micro_batches(count, dp.size(), dp.rank(), 1, 0).front();
    if (part.size() == 0) continue;
    std::vector<Index> rows(static_cast<std::size_t>(part.size()));
    std::iota(rows.begin(), rows.end(), begin + part.begin);
    Tensor x(part.size(), data.inputs(), model.memory());
    Tensor t(part.size(), data.targets(), model.memory());
    data.fetch_batch(rows, x, t);
    std::vector<std::int64_t> truth;
    for (const Index row : rows) truth.push_back(data.class_of(row));
    const Tensor y = model.forward(std::move(x)).y;
    auto number = numbers.begin() + 3 * (begin + part.begin);
    for (const Prediction& prediction : predictions_of(model, loss, y, truth)) {
      *number++ = static_cast<double>(prediction.predicted);
      *number++ = prediction.score;
      *number++ = prediction.truth_score;
    }
  }
  dp.all_reduce(std::span(numbers));

  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < numbers.size(); i += 3) {
    if (!std::isfinite(numbers[i + 1]) || !std::isfinite(numbers[i + 2])) {
      throw Error::agreed("the output for sample " + std::to_string(i / 3) + " is not finite");
    }
    predictions.push_back({static_cast<std::int64_t>(numbers[i]), numbers[i + 1], numbers[i + 2]});
  }
  return predictions;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
