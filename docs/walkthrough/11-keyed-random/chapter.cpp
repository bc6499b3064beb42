// Random numbers that are looked up: by seed, name and place in the whole. One, two and three ranks
// fill their columns of a weight, and it is the same weight.

#include "colonnade/parameter.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index rows = 2, columns = 6;
constexpr std::uint64_t seed = 1;

// The columns of W that one of `ranks` ranks owns, filled.
Parameter part_of_w(int rank, int ranks) {
  const Range own = Sharding(columns, ranks, "the columns of W").range(rank);
  Parameter w = make_parameter({.name = "layers.0.weight",
                                .rows = rows,
                                .cols = columns,
                                .owned_rows = {0, rows},
                                .owned_cols = own});
  fill_normal(w, seed, 1 / std::sqrt(static_cast<double>(rows)));  // by the global fan-in
  return w;
}

bool fill(ProcessGroup& group) {
  const Tensor mine = part_of_w(group.rank(), group.size()).value;
  say_all(group, "of " + std::to_string(group.size()) + " fills\n" + show(mine, 3));
  const Tensor whole = part_of_w(0, 1).value;
  const Range own = Sharding(columns, group.size(), "the columns of W").range(group.rank());
  return check(group, "these are columns of one W, bit for bit",
               distance(mine, whole.columns(own)) == 0);
}

// One element of a weight that no machine could hold: nothing before it was computed.
void look_up_far_away() {
  const std::uint64_t million = 1'000'000;
  const std::uint64_t row = 123'456, column = 654'321;
  const KeyedRandom random(seed, "a million by a million");
  std::printf("element [%ju, %ju] of a million by a million: %.3f\n", row, column,
              random.normal(column * million + row));
}

std::string order_of(std::uint64_t epoch) {
  std::string text;
  for (const Index sample : shuffled_order(8, seed, epoch)) text += " " + std::to_string(sample);
  return text;
}

bool shuffle(ProcessGroup& group) {
  say_all(group, "visits" + order_of(0) + " in epoch 0, and" + order_of(1) + " in epoch 1\n");
  const std::vector<std::string> orders = gather_text(group, order_of(0));
  bool same = true;
  for (const std::string& order : orders) same = same && order == orders[0];
  return check(group, "the same order on every rank, without a message", same);
}

}  // namespace

int main() {
  bool fine = true;
  for (const int ranks : {1, 2, 3})
    spawn(ranks, [&](ProcessGroup& group) {
      const bool same = fill(group);
      if (group.rank() == 0) fine &= same;
    });
  std::printf("\n");
  look_up_far_away();
  std::printf("\n");
  spawn(2, [&](ProcessGroup& group) {
    const bool same = shuffle(group);
    if (group.rank() == 0) fine &= same;
  });
  return fine ? 0 : 1;
}
