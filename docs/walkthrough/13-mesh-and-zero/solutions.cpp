// Solutions of chapter 13; exits with 1 if one is wrong.

#include "colonnade/plan.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: the mean of the copies' means is the mean of all rows only if every copy has as many.
bool mean_of_means_differs() {
  const double losses[] = {1, 2, 3, 4, 10};  // of single rows; copy 0 has three of them
  double sum = 0, mean_of_means = 0;
  for (int copy = 0; copy < 2; ++copy) {
    const Range own = shard_range(5, 2, copy);
    double own_sum = 0;
    for (Index i = own.begin; i < own.end; ++i) own_sum += losses[i];
    sum += own_sum;
    mean_of_means += own_sum / static_cast<double>(own.size()) / 2;
  }
  return sum / 5 == 4 && mean_of_means == 4.5;
}

// Exercise 2: ZeRO-1 by hand, for the plainest of optimizers. Each rank gets the sum of its run of
// the gradient, updates that run, and gathers those of the others.
bool zero_by_hand(ProcessGroup& copies) {
  const Sharding runs(7, copies.size(), "the elements of w");
  const Range own = runs.range(copies.rank());
  const auto rank = static_cast<double>(copies.rank());

  std::vector<double> w(7, 1.0), gradient(7);
  for (std::size_t i = 0; i < 7; ++i) gradient[i] = static_cast<double>(i) + 10 * rank;

  std::vector<double> sum(static_cast<std::size_t>(own.size()));
  copies.reduce_scatter(std::span<const double>(gradient), std::span(sum), runs.ranges());
  for (Index i = own.begin; i < own.end; ++i)
    w[static_cast<std::size_t>(i)] -= 0.5 * sum[static_cast<std::size_t>(i - own.begin)];
  copies.all_gather(std::span(w), runs.ranges());

  bool right = true;  // over three ranks the gradients of element i add up to 3 i + 30
  for (std::size_t i = 0; i < 7; ++i) right &= w[i] == 1 - 0.5 * (3 * static_cast<double>(i) + 30);
  return right;
}

}  // namespace

int main() {
  bool fine = check("1: a mean of means is another number", mean_of_means_differs());
  spawn(3, [&](ProcessGroup& copies) {
    const bool right = check(copies, "2: ZeRO-1 by hand", zero_by_hand(copies));
    if (copies.rank() == 0) fine &= right;
  });
  return fine ? 0 : 1;
}
