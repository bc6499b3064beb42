// Collectives of device memory. On a GPU all that is asked for before and after is asked for
// without waiting, so that a collective that doesn't stand in its place among the ops brings
// numbers that are too old, or none.
#include <array>
#include <bit>
#include <numeric>
#include <vector>

#include "colonnade/process_group.hpp"
#include "colonnade/tree_sum.hpp"
#include "device_array.hpp"
#include "harness.hpp"

using colonnade::Index;
using colonnade::ProcessGroup;
using colonnade::Range;
using colonnade::Reduction;
using colonnade::Sharding;
using colonnade::SumOrder;
using harness::DeviceArray;

namespace {

std::size_t position(Index i) {
  return static_cast<std::size_t>(i);
}

/// Pieces of 0, 2, 4, ... and 1 more for the last.
std::vector<Range> growing_pieces(int ranks) {
  std::vector<Range> pieces;
  Index begin = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const Index end = begin + 2 * rank + (rank == ranks - 1 ? 1 : 0);
    pieces.push_back({begin, end});
    begin = end;
  }
  return pieces;
}

std::vector<std::vector<Range>> cuts(const ProcessGroup& group) {
  const Index ranks = group.size();
  return {Sharding(3 * ranks, ranks, "even").ranges(),
          Sharding(2 * ranks + 1, ranks, "odd").ranges(), growing_pieces(group.size())};
}

/// What rank `rank` gives as element i: numbers of such different sizes that floating-point sums in
/// another order have other bits.
template <class T>
T number_of(Index rank, Index i) {
  const auto state = (static_cast<std::uint64_t>(rank) * 1000003u + static_cast<std::uint64_t>(i)) *
                     6364136223846793005u;
  if constexpr (std::is_integral_v<T>) return static_cast<T>(state >> 40);
  return static_cast<T>(static_cast<std::int64_t>(state)) / static_cast<T>(1 << (state >> 32) % 20);
}

template <class T>
std::vector<T> numbers_of(Index rank, Index count) {
  std::vector<T> numbers(position(count));
  for (Index i = 0; i < count; ++i) numbers[position(i)] = number_of<T>(rank, i);
  return numbers;
}

/// The elements of `range` of the sum of all ranks' numbers along the tree.
template <class T>
std::vector<T> tree_sums(Index ranks, Range range) {
  std::vector<T> sums;
  for (Index i = range.begin; i < range.end; ++i) {
    std::array<T, 8> stack{};
    std::size_t height = 0;
    colonnade::sum_along_tree(
        ranks, [&](Index rank) { stack[height++] = number_of<T>(rank, i); },
        [&] {
          --height;
          stack[height - 1] = stack[height - 1] + stack[height];
        });
    sums.push_back(stack[0]);
  }
  return sums;
}

/// Whole numbers, whose sums are the same in any order.
template <class T>
std::vector<T> small_numbers(Index rank, Index count) {
  std::vector<T> numbers(position(count));
  for (Index i = 0; i < count; ++i)
    numbers[position(i)] = static_cast<T>((rank + 1) * (i % 100 + 1));
  return numbers;
}

template <class T>
std::vector<T> small_sums(Index ranks, Range range) {
  std::vector<T> sums;
  for (Index i = range.begin; i < range.end; ++i)
    sums.push_back(static_cast<T>(ranks * (ranks + 1) / 2 * (i % 100 + 1)));
  return sums;
}

Range own_of(const ProcessGroup& group, const std::vector<Range>& pieces, Index unit) {
  const Range own = pieces[position(group.rank())];
  return {own.begin * unit, own.end * unit};
}

/// The whole of numbers_of(0), but for what other ranks own.
template <class T>
std::vector<T> own_of_whole(Range own, Index count) {
  std::vector<T> numbers = numbers_of<T>(0, count);
  for (Index i = 0; i < count; ++i)
    if (i < own.begin || i >= own.end) numbers[position(i)] = T{3};
  return numbers;
}

template <class T>
void check_all_gather(ProcessGroup& group, const std::vector<Range>& pieces, Index unit) {
  const Index count = pieces.back().end * unit;
  const std::vector<T> other(position(count), T{1});
  const DeviceArray<T> before(own_of_whole<T>(own_of(group, pieces, unit), count));
  DeviceArray<T> buffer(other), after(other);
  buffer.copy_from(before);
  group.all_gather(buffer.span(), pieces, unit);
  after.copy_from(buffer);
  CHECK(after.values() == numbers_of<T>(0, count));
}

template <class T>
void check_reduce_scatter(ProcessGroup& group, const std::vector<Range>& pieces, Index unit,
                          SumOrder order) {
  const Index count = pieces.back().end * unit, ranks = group.size();
  const Range own = own_of(group, pieces, unit);
  const DeviceArray<T> before(order == SumOrder::tree ? numbers_of<T>(group.rank(), count)
                                                      : small_numbers<T>(group.rank(), count));
  DeviceArray<T> send(std::vector<T>(position(count), T{1}));
  DeviceArray<T> receive(std::vector<T>(position(own.size()), T{1}));
  DeviceArray<T> after(std::vector<T>(position(own.size()), T{1}));
  send.copy_from(before);
  group.reduce_scatter(std::span<const T>(send.span()), receive.span(), pieces, unit, order);
  after.copy_from(receive);
  CHECK(after.values() ==
        (order == SumOrder::tree ? tree_sums<T>(ranks, own) : small_sums<T>(ranks, own)));
}

template <class T>
std::vector<T> all_reduced(ProcessGroup& group, const std::vector<T>& numbers, Reduction reduction,
                           SumOrder order) {
  const std::vector<T> other(numbers.size(), T{1});
  const DeviceArray<T> before(numbers);
  DeviceArray<T> buffer(other), after(other);
  buffer.copy_from(before);
  group.all_reduce(buffer.span(), reduction, order);
  after.copy_from(buffer);
  return after.values();
}

template <class T>
void check_all_reduce(ProcessGroup& group, Index count) {
  CAPTURE(count);
  const Index rank = group.rank(), ranks = group.size();
  const auto any = SumOrder::any;
  CHECK(all_reduced(group, small_numbers<T>(rank, count), Reduction::sum, any) ==
        small_sums<T>(ranks, {0, count}));
  CHECK(all_reduced(group, numbers_of<T>(rank, count), Reduction::sum, SumOrder::tree) ==
        tree_sums<T>(ranks, {0, count}));
  std::vector<T> least = numbers_of<T>(0, count), greatest(least);
  for (Index other = 1; other < ranks; ++other) {
    for (Index i = 0; i < count; ++i) {
      least[position(i)] = std::min(least[position(i)], number_of<T>(other, i));
      greatest[position(i)] = std::max(greatest[position(i)], number_of<T>(other, i));
    }
  }
  CHECK(all_reduced(group, numbers_of<T>(rank, count), Reduction::min, any) == least);
  CHECK(all_reduced(group, numbers_of<T>(rank, count), Reduction::max, any) == greatest);
}

template <class T>
void check_broadcast(ProcessGroup& group) {
  for (int root = 0; root < group.size(); ++root) {
    const std::vector<T> other(5, T{1});
    const DeviceArray<T> before(small_numbers<T>(group.rank(), 5));
    DeviceArray<T> buffer(other), after(other);
    buffer.copy_from(before);
    group.broadcast(buffer.span(), root);
    after.copy_from(buffer);
    CHECK(after.values() == small_numbers<T>(root, 5));
  }
}

template <class T>
void check_numbers(ProcessGroup& group) {
  for (const std::vector<Range>& pieces : cuts(group)) {
    for (const Index unit : {1, 701}) {
      check_all_gather<T>(group, pieces, unit);
      check_reduce_scatter<T>(group, pieces, unit, SumOrder::any);
      check_reduce_scatter<T>(group, pieces, unit, SumOrder::tree);
    }
  }
  for (const Index count : {0, 1, 1000, 9001}) check_all_reduce<T>(group, count);
  check_broadcast<T>(group);
}

}  // namespace

RANKS_TEST_CASE("collectives take floats in device memory, in their place among the ops", "1-5") {
  check_numbers<float>(world);
}

RANKS_TEST_CASE("collectives take doubles in device memory, in their place among the ops", "1-5") {
  check_numbers<double>(world);
}

RANKS_TEST_CASE("collectives take integers in device memory, in their place among the ops", "1-5") {
  check_numbers<std::int64_t>(world);
}

RANKS_TEST_CASE("collectives take bytes in device memory, in their place among the ops", "1-5") {
  for (const std::vector<Range>& pieces : cuts(world)) check_all_gather<char>(world, pieces, 3);
  check_broadcast<char>(world);
}

RANKS_TEST_CASE("parts of a group take device memory as it does", "2-6") {
  ProcessGroup part = world.split(world.rank() % 2, -world.rank());
  check_all_reduce<double>(part, 1000);
  check_all_gather<float>(part, Sharding(part.size() + 1, part.size(), "odd").ranges(), 5);
  ProcessGroup alone = world.split(world.rank(), 0);
  check_all_gather<float>(alone, {{0, 3}}, 5);
  check_reduce_scatter<float>(alone, {{0, 3}}, 5, SumOrder::any);
}

RANKS_TEST_CASE("bytes of device memory are not added", "1-4") {
  if (world.size() == 1) return;  // there is nothing to add
  DeviceArray<char> buffer(std::vector<char>(4));
  CHECK_FALSE(harness::error_of([&] { world.all_reduce(buffer.span()); }).empty());
}

// Every kind is under way at once, host memory among them, and collectives of both kinds come in
// between. Repeated, so that memory serves again that a former one was copied from.
RANKS_TEST_CASE("what is started in device memory ends in order, with others in between", "1-8") {
  const Index ranks = world.size(), rank = world.rank();
  for (int repetition = 0; repetition < 3; ++repetition) {
    for (const std::vector<Range>& pieces : cuts(world)) {
      const Index unit = 100, count = pieces.back().end * unit;
      const Range own = own_of(world, pieces, unit);
      const DeviceArray<float> part(own_of_whole<float>(own, count));
      const DeviceArray<double> terms(small_numbers<double>(rank, count));
      const std::vector<double> none(position(count), -1), none_own(position(own.size()), -1);
      DeviceArray<float> gathered(std::vector<float>(position(count), -1.0f));
      DeviceArray<double> sum(none), send(none), scattered(none_own), copy(none);
      DeviceArray<std::int64_t> whole(small_numbers<std::int64_t>(rank, count));
      std::vector<double> on_host = small_numbers<double>(rank, count);

      gathered.copy_from(part);
      world.start_all_gather(gathered.span(), std::vector<Range>(pieces), unit);
      world.start_all_reduce(std::span(on_host));
      sum.copy_from(terms);
      world.start_all_reduce(sum.span());
      for (Index i = 0; i < 3 * rank; ++i) world.progress();
      send.copy_from(terms);
      world.start_reduce_scatter(std::span<const double>(send.span()), scattered.span(),
                                 std::vector<Range>(pieces), unit);
      CHECK(world.all_reduce<std::int64_t>(1) == ranks);
      world.all_reduce(whole.span());
      CHECK(whole.values() == small_sums<std::int64_t>(ranks, {0, count}));

      world.finish_first();
      CHECK(gathered.values() == numbers_of<float>(0, count));
      world.finish_first();
      CHECK(on_host == small_sums<double>(ranks, {0, count}));
      world.finish_first();
      copy.copy_from(sum);
      world.finish();
      CHECK(copy.values() == small_sums<double>(ranks, {0, count}));
      CHECK(scattered.values() == small_sums<double>(ranks, own));
      CHECK_FALSE(world.is_under_way());
    }
  }
}

RANKS_TEST_CASE("a rank may read its own piece of a gather that is under way", "1-4") {
  const Index count = 1000 * world.size();
  const Sharding cut(world.size(), world.size(), "ranks");
  const Range own = {1000 * world.rank(), 1000 * (world.rank() + 1)};
  const DeviceArray<float> part(own_of_whole<float>(own, count));
  DeviceArray<float> gathered(std::vector<float>(position(count), -1.0f));
  gathered.copy_from(part);
  world.start_all_gather(gathered.span(), cut.ranges(), 1000);
  std::vector<float> piece(1000);
  colonnade::copy_bytes(gathered.span().data() + own.begin, piece.data(), 1000 * sizeof(float));
  for (Index i = 0; i < 1000; ++i) CHECK(piece[position(i)] == number_of<float>(0, own.begin + i));
  world.finish();
  CHECK(gathered.values() == numbers_of<float>(0, count));
}
