// The same bits on any number of ranks: eight numbers added in two orders, and a training in exact
// mode and in fast mode.

#include "colonnade/checksum.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/training_step.hpp"
#include "colonnade/tree_sum.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr double numbers[8] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};

double left_to_right(std::span<const double> terms) {
  double sum = 0;
  for (const double term : terms) sum += term;
  return sum;
}

struct Sums {
  double left_to_right;
  double along_tree;
};

// Each rank adds its run of the numbers, then the ranks add theirs, in the same manner.
Sums add(ProcessGroup& group) {
  const Range run = shard_range(8, group.size(), group.rank());
  const auto mine = std::span(numbers).subspan(static_cast<std::size_t>(run.begin),
                                               static_cast<std::size_t>(run.size()));
  const std::vector<double> of_ranks = group.all_gather(left_to_right(mine));
  const double along_tree = tree_sum(mine);
  return {left_to_right(of_ranks), group.all_reduce(along_tree, Reduction::sum, SumOrder::tree)};
}

bool add_on_any_number_of_ranks() {
  Sums on_one{};
  bool same = true;
  std::printf("ranks   left to right         along the tree\n");
  for (const int ranks : {1, 2, 4, 8}) {
    spawn(ranks, [&](ProcessGroup& group) {
      const Sums sums = add(group);
      if (group.rank() != 0) return;
      std::printf("%5d   %.17g   %.17g\n", ranks, sums.left_to_right, sums.along_tree);
      if (ranks == 1) on_one = sums;
      same = same && sums.along_tree == on_one.along_tree;
    });
  }
  return check("along the tree it is one number", same);
}

// The parameters after some steps, as a number that doesn't depend on how they are cut.
std::uint64_t train(ProcessGroup& group, Index shards) {
  Mlp model(group, {.widths = {8, 24, 16, 8}, .seed = 1, .shards = shards});
  AdamW optimizer(model.parameters(), {});
  const Tensor target = sample_data(5, 8, 1, "target");
  for (int step = 0; step < 10; ++step)
    training_step(model, optimizer, sample_data(5, 8, 1, "x"), target);

  std::uint64_t sum = 0;
  for (const Parameter* parameter : model.parameters()) {
    const Tensor& value = parameter->value;
    sum += checksum(std::span(value.data(), static_cast<std::size_t>(value.size())),
                    parameter->global_index(0, 0));
  }
  std::uint64_t of_all = 0;
  for (const auto part : group.all_gather(static_cast<std::int64_t>(sum)))
    of_all += static_cast<std::uint64_t>(part);
  return of_all;
}

std::uint64_t train_on(int ranks, Index shards) {
  std::uint64_t result = 0;
  spawn(ranks, [&](ProcessGroup& group) {
    const std::uint64_t bits = train(group, shards);
    if (group.rank() == 0) result = bits;
  });
  return result;
}

bool train_on_any_number_of_ranks() {
  const std::uint64_t exact = train_on(1, 8), fast = train_on(1, 0);
  bool same = true;
  std::printf("ranks   exact mode   fast mode    (the bits of one rank, after ten steps)\n");
  for (const int ranks : {2, 4, 8}) {
    const bool exact_is_same = train_on(ranks, 8) == exact,
               fast_is_same = train_on(ranks, 0) == fast;
    std::printf("%5d   %-10s   %s\n", ranks, exact_is_same ? "the same" : "others",
                fast_is_same ? "the same" : "others");
    same = same && exact_is_same;
  }
  return check("exact mode is one training", same);
}

}  // namespace

int main() {
  const bool sums = add_on_any_number_of_ranks();
  std::printf("\n");
  const bool trainings = train_on_any_number_of_ranks();
  return sums && trainings ? 0 : 1;
}
