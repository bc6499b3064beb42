// Solutions of chapter 10; exits with 1 if one is wrong.

#include <algorithm>

#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index classes = 10;

// log of the sum of exp(l) over all classes, of one row, as chapter 10 has it: two all-reduces.
double log_sum_in_two(ProcessGroup& group, const Tensor& l) {
  Tensor exponentials = l.clone();
  const Tensor no_target = Tensor::zeros(1, l.cols());
  std::vector<double> largest(1), sums(3);
  row_largest(l, largest);
  group.all_reduce(std::span(largest), Reduction::max);
  cross_entropy_forward(exponentials, no_target, largest, sums);
  group.all_reduce(std::span(sums));
  return largest[0] + std::log(sums[0]);
}

// Exercise 1: each rank takes its own maximum m_r. Its sum s_r is of exp(l - m_r), and what the
// others need is s_r exp(m_r - m): both numbers travel, in one all-gather.
double log_sum_in_one(ProcessGroup& group, const Tensor& l) {
  const auto ranks = static_cast<std::size_t>(group.size());
  const auto rank = static_cast<std::size_t>(group.rank());
  std::vector<double> pairs(2 * ranks);  // of each rank: m_r, s_r
  pairs[2 * rank] = *std::max_element(l.data(), l.data() + l.cols());
  for (Index j = 0; j < l.cols(); ++j) pairs[2 * rank + 1] += std::exp(l(0, j) - pairs[2 * rank]);
  group.all_gather(std::span(pairs), Sharding(group.size(), group.size(), "ranks").ranges(), 2);

  double m = pairs[0], s = 0;
  for (std::size_t r = 0; r < ranks; ++r) m = std::max(m, pairs[2 * r]);
  for (std::size_t r = 0; r < ranks; ++r) s += pairs[2 * r + 1] * std::exp(pairs[2 * r] - m);
  return m + std::log(s);
}

bool one_message_is_enough(ProcessGroup& group) {
  const Range own = Sharding(classes, group.size(), "classes").range(group.rank());
  Tensor l = sample_data(1, classes, 1, "logits");
  l(0, 3) = 1000;  // exp(1000) is infinite
  const Tensor mine = Tensor::copy_of(std::as_const(l).columns(own));
  const double one = log_sum_in_one(group, mine), two = log_sum_in_two(group, mine);
  return std::abs(one - two) < 1e-9 && one >= 1000;
}

// Exercise 2: the sum of dl over all classes of a row, smoothed by e over `v` classes.
double sum_of_gradient(ProcessGroup& group, double e, Index v) {
  const Range own = Sharding(classes, group.size(), "classes").range(group.rank());
  const Tensor all = sample_data(1, classes, 1, "logits");
  Tensor l = Tensor::copy_of(all.columns(own)), t = Tensor::zeros(1, own.size()), dl = t.clone();
  if (own.begin <= 7 && 7 < own.end) t(0, 7 - own.begin) = 1;
  std::vector<double> largest(1), sums(3);
  row_largest(l, largest);
  group.all_reduce(std::span(largest), Reduction::max);
  cross_entropy_forward(l, t, largest, sums);
  group.all_reduce(std::span(sums));
  cross_entropy_backward(l, t, std::span(sums).first(1), e, v, 1, dl);
  double sum = 0;
  for (Index j = 0; j < dl.cols(); ++j) sum += dl(0, j);
  return group.all_reduce(sum);
}

// p and q both sum to 1, so dl sums to 0: if q is smoothed over all classes. Smoothed over the
// rank's own V / P, q sums to 1 - e + P e.
bool gradient_sums_to_zero(ProcessGroup& group) {
  const double e = 0.1, of_all = sum_of_gradient(group, e, classes);
  const double of_own = sum_of_gradient(group, e, classes / group.size());
  return std::abs(of_all) < 1e-12 && std::abs(of_own + (group.size() - 1) * e) < 1e-12;
}

}  // namespace

int main() {
  bool fine = true;
  spawn(2, [&](ProcessGroup& group) {
    const bool first = check(group, "1: one all-gather is enough", one_message_is_enough(group));
    const bool second = check(group, "2: dl sums to 0 over all V", gradient_sums_to_zero(group));
    if (group.rank() == 0) fine = first && second;
  });
  return fine ? 0 : 1;
}
