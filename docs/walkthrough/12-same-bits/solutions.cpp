// Solutions of chapter 12; exits with 1 if one is wrong.

#include <array>
#include <span>

#include "colonnade/spawn.hpp"
#include "colonnade/tree_sum.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: beside 1e16 a 1 is lost, for doubles there are two apart.
constexpr std::array<double, 4> numbers = {1e16, 1, -1e16, 1};

bool rank_count_decides() {
  const double on_one_rank = ((numbers[0] + numbers[1]) + numbers[2]) + numbers[3];
  const double on_two_ranks = (numbers[0] + numbers[1]) + (numbers[2] + numbers[3]);
  return on_one_rank == 1 && on_two_ranks == 0;
}

// Exercise 2: x_j w_j, added up from `range.begin` to its end.
double chain(Range range) {
  double sum = 0;
  for (Index j = range.begin; j < range.end; ++j)
    sum += 1.0 / static_cast<double>(j + 1) * (1.0 / static_cast<double>(2 * j + 3));
  return sum;
}

// One chain for each of eight shards, of which a rank has a run, and the tree over all of them.
double inner_product(ProcessGroup& group, Index length) {
  constexpr Index shards = 8;
  const Index a_rank = divide_exact(shards, group.size(), "shards");
  std::vector<double> chains;
  for (Index s = group.rank() * a_rank; s < (group.rank() + 1) * a_rank; ++s)
    chains.push_back(chain(shard_range(length, shards, s)));
  return group.all_reduce(tree_sum(chains), Reduction::sum, SumOrder::tree);
}

// One chain for each rank, as a product that is cut into as many parts as there are ranks.
double inner_product_by_ranks(ProcessGroup& group, Index length) {
  return group.all_reduce(chain(shard_range(length, group.size(), group.rank())));
}

bool shards_decide_and_not_ranks() {
  double by_shards[9] = {}, by_ranks[9] = {};
  for (const int ranks : {1, 2, 4, 8})
    spawn(ranks, [&](ProcessGroup& group) {
      const double shards = inner_product(group, 100), parts = inner_product_by_ranks(group, 100);
      if (group.rank() != 0) return;
      by_shards[ranks] = shards;
      by_ranks[ranks] = parts;
    });
  return by_shards[2] == by_shards[1] && by_shards[4] == by_shards[1] &&
         by_shards[8] == by_shards[1] && by_ranks[2] != by_ranks[1];
}

}  // namespace

int main() {
  const bool first = check("1: the same numbers add up to 1 and to 0", rank_count_decides());
  const bool second = check("2: shards decide on the bits, not ranks",  //
                            shards_decide_and_not_ranks());
  return first && second ? 0 : 1;
}
