#include "app/story.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace colonnade::app {

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// Element `i` of the run, as an index of the whole matrix in memory order.
std::size_t global_index(const StoryMatrix& matrix, const Holding& holding, Index i) {
  const Index element = holding.run.begin + i;
  const Index height = holding.rows.size();
  const Index row = holding.rows.begin + element % height;
  const Index col = holding.cols.begin + element / height;
  return static_cast<std::size_t>(col * matrix.rows + row);
}

void combine(Partial partial, double value, double& sum) {
  if (std::isnan(sum)) {
    sum = value;
  } else if (partial == Partial::max) {
    sum = std::max(sum, value);
  } else {
    sum += value;
  }
}

double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values)
    if (!std::isnan(value)) largest = std::max(largest, std::abs(value));
  return largest;
}

/// Ranks that have the same of a matrix: their parts must agree, and count once.
bool is_copy(const Story& story, const StoryMatrix& matrix, std::size_t a, std::size_t b) {
  const bool same_tp = story.ranks[a].tp_rank == story.ranks[b].tp_rank;
  const bool same_dp = story.ranks[a].dp_rank == story.ranks[b].dp_rank;
  return matrix.ranks[a].same_place(matrix.ranks[b]) && (same_tp || matrix.tp != Spread::partial) &&
         (same_dp || matrix.dp != Spread::partial);
}

void check_copy(const StoryMatrix& matrix, std::size_t a, std::size_t b, double tolerance) {
  const std::vector<double>&first = matrix.ranks[a].values, &second = matrix.ranks[b].values;
  const double bound = tolerance * std::max(largest_of(first), largest_of(second));
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (std::abs(first[i] - second[i]) <= bound) continue;
    throw Error("copies of " + matrix.name + " of " + matrix.site + " differ on ranks " +
                    std::to_string(a) + " and " + std::to_string(b),
                {.wanted = std::to_string(first[i]), .found = std::to_string(second[i])});
  }
}

/// The same matrix on one rank, however it is reached there: by the same equation if there is one.
const StoryMatrix* counterpart(const Story& story, const StoryMatrix& matrix) {
  const StoryMatrix* found = nullptr;
  bool exactly = false;
  for (const StoryStep& step : story.steps) {
    for (const StoryMatrix& other : step.matrices) {
      if (other.name != matrix.name || other.site != matrix.site) continue;
      const bool same = other.equation == matrix.equation;
      if (exactly && !same) continue;
      exactly = same;
      found = &other;
    }
  }
  return found;
}

}  // namespace

std::string_view to_string(Spread spread) {
  switch (spread) {
    case Spread::alone:
      return "alone";
    case Spread::replicated:
      return "replicated";
    case Spread::sharded:
      return "sharded";
    case Spread::partial:
      return "partial";
  }
  return "";
}

std::vector<double> put_together(const Story& story, const StoryMatrix& matrix, double tolerance) {
  std::vector<double> whole(static_cast<std::size_t>(matrix.rows * matrix.cols), nothing);
  for (std::size_t rank = 0; rank < matrix.ranks.size(); ++rank) {
    std::size_t copy_of = 0;
    while (copy_of < rank && !is_copy(story, matrix, copy_of, rank)) ++copy_of;
    if (copy_of < rank) {
      check_copy(matrix, copy_of, rank, tolerance);
      continue;
    }
    const Holding& holding = matrix.ranks[rank];
    for (Index i = 0; i < holding.run.size(); ++i) {
      combine(matrix.partial, holding.values[static_cast<std::size_t>(i)],
              whole[global_index(matrix, holding, i)]);
    }
  }
  return whole;
}

namespace {

/// Whether all rows that have a number have all of them; samples that are not at hand have none.
bool has_whole_rows(const StoryMatrix& matrix, const std::vector<double>& numbers) {
  const auto rows = static_cast<std::size_t>(matrix.rows);
  std::vector<std::size_t> counts(rows);
  for (std::size_t i = 0; i < numbers.size(); ++i) counts[i % rows] += !std::isnan(numbers[i]);
  const auto most = static_cast<std::size_t>(matrix.cols);
  const bool partly = std::any_of(counts.begin(), counts.end(),
                                  [=](std::size_t count) { return count != 0 && count != most; });
  return !partly && std::count(counts.begin(), counts.end(), most) > 0;
}

void check_matrix(const Story& story, const StoryMatrix& matrix, const StoryMatrix& wanted,
                  double tolerance) {
  const std::vector<double> got = put_together(story, matrix, tolerance);
  const std::vector<double>& want = wanted.ranks.front().values;
  const double bound = tolerance * largest_of(want);
  if (!has_whole_rows(matrix, got)) {
    throw Error("the ranks' parts of " + matrix.name + " of " + matrix.site +
                " do not make up its rows");
  }
  if (got.size() == want.size()) {
    std::size_t i = 0;
    while (i < got.size() && (std::isnan(got[i]) || std::abs(got[i] - want[i]) <= bound)) ++i;
    if (i == got.size()) return;
    throw Error(matrix.name + " of " + matrix.site + " (" + matrix.equation +
                    ") is not what one rank computes, at element " + std::to_string(i),
                {.wanted = std::to_string(want[i]), .found = std::to_string(got[i])});
  }
  throw Error(
      matrix.name + " of " + matrix.site + " has another shape than on one rank",
      {.wanted = std::to_string(want.size()) + " elements", .found = std::to_string(got.size())});
}

/// Of the samples so far: one rank sees all at once.
bool is_unfinished(const Story& story, const StoryMatrix& matrix) {
  if (!matrix.sums_samples) return false;
  int times = 0;
  for (const StoryStep& step : story.steps)
    for (const StoryMatrix& other : step.matrices)
      times += other.name == matrix.name && other.site == matrix.site &&
               other.equation == matrix.equation;
  return times > 1;
}

}  // namespace

int check_numbers(const Story& story, const Story& on_one_rank, double tolerance) {
  int checked = 0;
  const auto check = [&](const StoryMatrix& matrix) {
    const StoryMatrix* wanted = counterpart(on_one_rank, matrix);
    if (wanted == nullptr)
      throw Error("one rank computes no " + matrix.name + " of " + matrix.site);
    check_matrix(story, matrix, *wanted, tolerance);
    ++checked;
  };
  for (const StoryStep& step : story.steps) {
    for (const StoryMatrix& matrix : step.matrices)
      if (!is_unfinished(story, matrix)) check(matrix);
    if (!step.call) continue;
    check(*step.call->before);
    check(*step.call->after);
  }
  return checked;
}

std::vector<LedgerLine> traffic_of(const Story& story, int rank) {
  std::vector<LedgerLine> lines;
  for (const StoryStep& step : story.steps) {
    if (!step.call) continue;
    const LedgerLine line = {step.call->group, step.call->account, step.call->kind, 1,
                             step.call->bytes_sent[static_cast<std::size_t>(rank)]};
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const LedgerLine& other) {
      return other.group == line.group && other.account == line.account && other.kind == line.kind;
    });
    if (same == lines.end()) {
      lines.push_back(line);
    } else {
      ++same->calls;
      same->bytes_sent += line.bytes_sent;
    }
  }
  return lines;
}

}  // namespace colonnade::app
