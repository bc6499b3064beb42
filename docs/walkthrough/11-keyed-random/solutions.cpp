// Solutions of chapter 11; exits with 1 if one is wrong.

#include "colonnade/mlp.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: throw i of a die, and the sixes among throws [begin, end).
int die(const KeyedRandom& random, Index i) {
  return 1 + static_cast<int>(random.bits(static_cast<std::uint64_t>(i)) % 6);
}

std::int64_t sixes(ProcessGroup& group, Index throws) {
  const KeyedRandom random(1, "die");
  const Range own = shard_range(throws, group.size(), group.rank());
  std::int64_t count = 0;
  for (Index i = own.begin; i < own.end; ++i) count += die(random, i) == 6 ? 1 : 0;
  return group.all_reduce(count);
}

bool any_number_of_ranks_throws_the_same() {
  std::int64_t found[4] = {};
  for (const int ranks : {1, 2, 3})
    spawn(ranks, [&](ProcessGroup& group) {
      const std::int64_t count = sixes(group, 6000);
      if (group.rank() == 0) found[ranks] = count;
    });
  return found[1] > 900 && found[1] < 1100 && found[2] == found[1] && found[3] == found[1];
}

// Exercise 2: the mean square of what comes out of four layers without activation, whose initial
// values are scaled by the local width instead of the global fan-in: sqrt(P) times too large.
double mean_square(ProcessGroup& group) {
  Mlp model(group, {.widths = {8, 8, 8, 8, 8}, .activation = Activation::identity, .seed = 1});
  for (Parameter* w : model.parameters())
    for (Index i = 0; i < w->value.size(); ++i)
      w->value.data()[i] *= std::sqrt(static_cast<double>(group.size()));
  const Tensor y = model.forward(sample_data(4, 8, 1, "x")).y;
  double sum = 0;
  for (Index i = 0; i < y.size(); ++i) sum += y.data()[i] * y.data()[i];
  return sum / static_cast<double>(y.size());
}

bool grows_with_the_ranks() {
  double of[5] = {};
  for (const int ranks : {1, 2, 4})
    spawn(ranks, [&](ProcessGroup& group) {
      const double result = mean_square(group);
      if (group.rank() == 0) of[ranks] = result;
    });
  // P in each layer's mean square: P^4 in all.
  return std::abs(of[2] / of[1] - 16) < 1e-9 && std::abs(of[4] / of[1] - 256) < 1e-9;
}

}  // namespace

int main() {
  const bool first = check("1: the same sixes on 1, 2 and 3 ranks",  //
                           any_number_of_ranks_throws_the_same());
  const bool second = check("2: the signal grows P-fold in each layer", grows_with_the_ranks());
  return first && second ? 0 : 1;
}
