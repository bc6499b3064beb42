#include "colonnade/check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/gradient_check.hpp"
#include "proof/checks.hpp"

namespace colonnade {

inline namespace COLONNADE_PRECISION {

std::string place_of(const Parameter& parameter, Index row, Index col) {
  return parameter.name + " [" + std::to_string(parameter.owned_rows.begin + row) + ", " +
         std::to_string(parameter.owned_cols.begin + col) + "]";
}

double largest_of_all(ProcessGroup& tp, ConstMatrixView block) {
  double largest = 0;
  const OnHost numbers(block);
  for (const Scalar number : numbers.numbers()) {
    if (!(std::abs(number) <= largest)) largest = std::abs(number);
    if (std::isnan(largest)) break;
  }
  return largest_error(tp, largest);
}

namespace {

/// Compares a rank's block with the whole tensor of one rank, relative to `scale`, or to the
/// largest element if that is larger.
void compare_block(const Parameter& part, ConstMatrixView got, const Tensor& whole, double scale,
                   CheckTally& tally) {
  const OnHost numbers(whole);
  for (const Scalar number : numbers.numbers()) scale = std::max(scale, std::abs(number));
  const GradientError error = gradient_error(got, block_of(whole, part), scale);
  tally.add(error.relative, [&] { return place_of(part, error.row, error.col); });
}

}  // namespace

CheckLine compare_parameters(SampleJob& job, SampleJob& alone, Tensor Parameter::*tensor,
                             double scale, const std::string& what, double bound) {
  CheckTally tally;
  for (std::size_t i = 0; i < job.model().parameters().size(); ++i) {
    const Parameter& part = *job.model().parameters()[i];
    compare_block(part, part.*tensor, alone.model().parameters()[i]->*tensor, scale, tally);
    if (job.mesh().world().rank() == 0) tally.count(part.global_size());
  }
  return tally.line(job.mesh().world(), what, bound);
}

}  // namespace COLONNADE_PRECISION

namespace {

/// How far rounding may take a gradient from that of another order of adding, relative to the
/// largest of its tensor. A sum of n numbers errs by at most n eps times their magnitudes; forward
/// and backward of L layers are 2 L such sums on end, of at most the largest width or the batch,
/// and what adds up to the largest gradient may be larger itself: a factor of 16.
double rounding_bound(const CheckedJob& checked) {
  const std::vector<Index>& widths = checked.job.model.widths;
  const Index longest =
      std::max(*std::max_element(widths.begin(), widths.end()), checked.trainer.batch);
  return 16 * std::numeric_limits<double>::epsilon() * 2 * static_cast<double>(widths.size() - 1) *
         static_cast<double>(longest);
}

/// The check's other side: the whole network on this rank alone, in fast mode.
CheckedJob plain(CheckedJob checked) {
  checked.job = on_one_rank(checked.job);
  checked.trainer = on_one_rank(checked.trainer);
  checked.job.model.shards = 0;
  checked.trainer.row_blocks = 0;
  return checked;
}

/// Relative to the largest of them.
CheckLine compare_losses(SampleJob& job, const std::vector<double>& got,
                         const std::vector<double>& want, double bound) {
  double largest = 0;
  for (const double loss : want) largest = std::max(largest, std::abs(loss));
  CheckTally tally;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(got[i] - want[i]);
    tally.add(difference == 0 ? 0 : difference / largest,
              [&] { return "number " + std::to_string(i + 1); });
  }
  if (job.mesh().world().rank() == 0) tally.count(static_cast<Index>(want.size()));
  return tally.line(job.mesh().world(), "losses and norms against one rank", bound);
}

/// The rest of check_job: the gradients are there, of both.
void check_training(SampleJob& job, SampleJob& alone, const CheckedJob& checked,
                    std::vector<double> losses, std::vector<double> wanted,
                    std::vector<CheckLine>& lines) {
  TrafficCheck traffic(job.mesh(), checked.job);
  const auto append = [](std::vector<double>& all, const std::vector<double>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  append(losses, job.train([&](std::span<const Range> parts) { traffic.before(parts); },
                           [&] { traffic.after(); }));
  append(wanted, alone.train());

  // A gradient that is off by d moves the update by learning_rate / eps d at most, which is d: step
  // by step errors add up, and a factor of 10 is for what moved parameters do to later gradients.
  const auto steps = static_cast<double>(checked.trainer.steps);
  const double bound = 10 * steps * rounding_bound(checked);
  lines.push_back(compare_losses(job, losses, wanted, bound));
  lines.push_back(compare_parameters(
      job, alone, &Parameter::value, 1,
      "parameters after " + std::to_string(checked.trainer.steps) + " steps against one rank",
      bound));
  lines.push_back(traffic.line());
}

}  // namespace

std::vector<CheckLine> check_job(ProcessGroup& world, const CheckedJob& checked) {
  Mesh mesh(world, checked.job.mesh);
  SampleJob job(mesh, checked.job, checked.trainer);
  ProcessGroup self = ProcessGroup::self();
  Mesh one(self, {});
  const CheckedJob whole = plain(checked);
  SampleJob alone(one, whole.job, whole.trainer);

  std::vector<CheckLine> lines;
  std::vector<double> losses = {job.sum_gradients()}, wanted = {alone.sum_gradients()};
  lines.push_back(check_differences(job, checked));
  // 1e-3, lest gradients that are zero but for rounding be compared with one another.
  lines.push_back(compare_parameters(job, alone, &Parameter::grad, 1e-3,
                                     "gradients against one rank", rounding_bound(checked)));
  check_training(job, alone, checked, std::move(losses), std::move(wanted), lines);
  lines.push_back(check_regions(job, checked));
  return lines;
}

CheckLine check_exact_bits_in_double(ProcessGroup& world, const CheckedJob& checked) {
  return check_exact_bits(world, checked);
}

}  // namespace colonnade
