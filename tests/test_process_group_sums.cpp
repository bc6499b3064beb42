// Sums: along the tree, with the bits of a serial sum, and under way while the ranks compute.
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "colonnade/process_group.hpp"
#include "colonnade/random.hpp"
#include "colonnade/tree_sum.hpp"
#include "harness.hpp"

using colonnade::Element;
using colonnade::Index;
using colonnade::KeyedRandom;
using colonnade::ProcessGroup;
using colonnade::Range;
using colonnade::Reduction;
using colonnade::Sharding;
using colonnade::SumOrder;

namespace {

std::size_t position(Index i) {
  return static_cast<std::size_t>(i);
}

/// What rank `rank` adds: numbers of such different sizes that another order gives other bits.
template <class T>
std::vector<T> numbers_of(int rank, Index count) {
  std::vector<T> numbers(position(count));
  auto state = static_cast<std::uint64_t>(rank) + 1;
  for (T& number : numbers) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    number =
        static_cast<T>(static_cast<std::int64_t>(state)) / static_cast<T>(1 << (state >> 32) % 20);
  }
  return numbers;
}

/// The sum of all ranks' numbers along the tree, one element after the other.
template <class T>
std::vector<T> serial_sum(int ranks, Index count) {
  std::vector<std::vector<T>> all;
  for (int rank = 0; rank < ranks; ++rank) all.push_back(numbers_of<T>(rank, count));
  std::vector<T> sums;
  for (std::size_t i = 0; i < position(count); ++i) {
    std::array<T, 8> stack{};
    std::size_t height = 0;
    colonnade::sum_along_tree(
        ranks, [&](Index rank) { stack[height++] = all[position(rank)][i]; },
        [&] {
          --height;
          stack[height - 1] = stack[height - 1] + stack[height];
        });
    sums.push_back(stack[0]);
  }
  return sums;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<Bits>(a[i]) != std::bit_cast<Bits>(b[i])) return false;
  return true;
}

template <class T>
std::vector<T> part_of(const std::vector<T>& whole, Range part, Index unit) {
  return {whole.begin() + part.begin * unit, whole.begin() + part.end * unit};
}

template <class T>
void check_tree_all_reduce(ProcessGroup& group, Index count) {
  CAPTURE(count);
  std::vector<T> numbers = numbers_of<T>(group.rank(), count);
  group.all_reduce(std::span<T>(numbers), Reduction::sum, SumOrder::tree);
  CHECK(same_bits(numbers, serial_sum<T>(group.size(), count)));
}

template <class T>
void check_tree_reduce_scatter(ProcessGroup& group, const std::vector<Range>& pieces, Index unit) {
  const Index count = pieces.back().end * unit;
  CAPTURE(count);
  const std::vector<T> send = numbers_of<T>(group.rank(), count);
  const Range own = pieces[position(group.rank())];
  std::vector<T> receive(position(own.size() * unit));
  group.reduce_scatter(std::span<const T>(send), std::span<T>(receive), pieces, unit,
                       SumOrder::tree);
  CHECK(same_bits(receive, part_of(serial_sum<T>(group.size(), count), own, unit)));
}

/// Pieces of quite different lengths; those of odd ranks but the last are empty.
std::vector<Range> uneven_pieces(int ranks) {
  std::vector<Range> pieces;
  Index begin = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const Index length = rank % 2 == 1 && rank != ranks - 1 ? 0 : 5 * rank + 3;
    pieces.push_back({begin, begin + length});
    begin += length;
  }
  return pieces;
}

template <class T>
void check_tree_sums(ProcessGroup& group) {
  const int ranks = group.size();
  for (const Index count : {0, 1, 3, 1000, 70'001}) check_tree_all_reduce<T>(group, count);
  const std::vector<Range> uneven = uneven_pieces(ranks);
  check_tree_reduce_scatter<T>(group, uneven, 1);
  check_tree_reduce_scatter<T>(group, uneven, 7);
  check_tree_reduce_scatter<T>(group, uneven, 5000);
  check_tree_reduce_scatter<T>(group, Sharding(30 * ranks + 1, ranks, "columns").ranges(), 999);
}

}  // namespace

RANKS_TEST_CASE("a sum along the tree has the bits of the serial one, in float", "1-8") {
  check_tree_sums<float>(world);
}

RANKS_TEST_CASE("a sum along the tree has the bits of the serial one, in double", "1-8") {
  check_tree_sums<double>(world);
}

// Without this the tests above could pass with any order.
TEST_CASE("the numbers of the tests of sums tell their orders apart") {
  const std::vector<float> tree = serial_sum<float>(4, 1000);
  std::vector<float> chain = numbers_of<float>(0, 1000);
  for (int rank = 1; rank < 4; ++rank) {
    const std::vector<float> numbers = numbers_of<float>(rank, 1000);
    for (std::size_t i = 0; i < chain.size(); ++i) chain[i] += numbers[i];
  }
  CHECK_FALSE(same_bits(chain, tree));
}

RANKS_TEST_CASE("integers, minima and maxima are the same in any order", "1-8") {
  const int ranks = world.size();
  CHECK(world.all_reduce<std::int64_t>(world.rank(), Reduction::sum, SumOrder::tree) ==
        ranks * (ranks - 1) / 2);
  CHECK(world.all_reduce(1.0 * world.rank(), Reduction::max, SumOrder::tree) == ranks - 1);
  CHECK(world.all_reduce(1.0f * world.rank(), Reduction::min, SumOrder::tree) == 0);
}

RANKS_TEST_CASE("all_reduce gives the same bits on every rank", "1-8") {
  const KeyedRandom random(1, "rank" + std::to_string(world.rank()));
  std::vector<float> buffer(1001);
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = static_cast<float>(random.normal(i));
  world.all_reduce(std::span(buffer));
  std::int64_t digest = 0;
  for (const float x : buffer) digest = (digest * 31 + std::bit_cast<std::int32_t>(x)) % 1'000'003;
  for (const std::int64_t other : world.all_gather(digest)) CHECK(other == digest);
}

RANKS_TEST_CASE("sums that overlap end as sums do, with other collectives in between", "1-8") {
  const Index ranks = world.size(), rank = world.rank();
  const double all = static_cast<double>(ranks * (ranks + 1) / 2);  // of what rank r gives: r + 1
  for (int repetition = 0; repetition < 3; ++repetition) {
    std::vector<double> first(1000, 1.0 + static_cast<double>(rank));
    std::vector<float> second(70'000, 1.0f + static_cast<float>(rank));
    std::vector<std::int64_t> numbers(5, rank + 1);
    std::vector<double> send(position(3 * (2 * ranks + 1)), 1.0 + static_cast<double>(rank));
    const Range own = Sharding(2 * ranks + 1, ranks, "columns").range(rank);
    std::vector<double> receive(position(3 * own.size())), again(receive);
    {
      // The pieces are gone before the sums have ended.
      const Sharding cut(2 * ranks + 1, ranks, "columns");
      world.start_reduce_scatter(std::span<const double>(send), std::span(receive), cut.ranges(),
                                 3);
      world.start_all_reduce(std::span(first));
      world.start_reduce_scatter(std::span<const double>(send), std::span(again), cut.ranges(), 3);
    }
    world.progress();
    CHECK(world.all_reduce<std::int64_t>(1) == ranks);
    world.start_all_reduce(std::span(second));
    world.start_all_reduce(std::span(numbers));
    for (int i = 0; i < 10 * rank; ++i) world.progress();
    world.finish();
    CHECK(first == std::vector<double>(first.size(), all));
    CHECK(second == std::vector<float>(second.size(), static_cast<float>(all)));
    CHECK(numbers == std::vector<std::int64_t>(numbers.size(), ranks * (ranks + 1) / 2));
    CHECK(receive == std::vector<double>(receive.size(), all));
    CHECK(again == receive);
  }
}

RANKS_TEST_CASE("what overlaps ends in the order in which it was started", "1-8") {
  const Index ranks = world.size(), rank = world.rank();
  const auto expected = [&](Index i) { return static_cast<float>(i); };
  for (const Index columns : {ranks, 3 * ranks + 1, 40'000 * ranks + 1}) {
    const Sharding cut(columns, ranks, "columns");
    const Range own = cut.range(rank);
    std::vector<float> all(position(2 * columns), -1), others(all);
    for (Index i = 2 * own.begin; i < 2 * own.end; ++i) all[position(i)] = expected(i);
    std::vector<float> send(position(2 * columns)), sum(position(2 * own.size()));
    for (Index i = 0; i < 2 * columns; ++i) send[position(i)] = expected(i % 1000);

    CHECK_FALSE(world.is_under_way());
    world.start_all_gather(std::span(all), cut.ranges(), 2);
    world.start_reduce_scatter(std::span<const float>(send), std::span(sum), cut.ranges(), 2);
    for (int i = 0; i < 5 * rank; ++i) world.progress();
    world.finish_first();
    bool gathered = true;
    for (Index i = 0; i < 2 * columns; ++i) gathered &= all[position(i)] == expected(i);
    CHECK(gathered);
    // Started while another is under way.
    for (Index i = 2 * own.begin; i < 2 * own.end; ++i) others[position(i)] = expected(i + 1);
    world.start_all_gather(std::span(others), cut.ranges(), 2);
    CHECK(world.is_under_way());
    world.finish_first();
    bool added = true;
    for (Index i = 0; i < 2 * own.size(); ++i)
      added &= sum[position(i)] == static_cast<float>(ranks) * expected((2 * own.begin + i) % 1000);
    CHECK(added);
    world.finish();
    bool gathered_again = true;
    for (Index i = 0; i < 2 * columns; ++i)
      gathered_again &= others[position(i)] == expected(i + 1);
    CHECK(gathered_again);
    CHECK_FALSE(world.is_under_way());
  }
}
