// What ranks of one node do with the memory that they have in common: collectives in quick
// succession, buffers that lie in it and buffers that don't.
#include "node_transport.hpp"

#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "colonnade/process_group.hpp"
#include "harness.hpp"

using namespace colonnade;
using harness::error_of;

namespace {

/// Fails unless one collective after the other, short ones and long ones in turn, gives what it
/// should: that a rank ahead of the others never overwrites what they are still reading.
void check_sequence(ProcessGroup& group, int length) {
  const Index ranks = group.size(), rank = group.rank();
  int wrong = 0;
  for (Index i = 0; i < length; ++i) {
    const Index count =
        i % 11 == 0 ? 3000 : i % 7;  // the former is more than what is copied at once
    const auto one = static_cast<double>(i * (rank + 1));
    std::vector<double> sums(static_cast<std::size_t>(count), one);
    group.all_reduce(std::span(sums));
    const auto sum = static_cast<double>(i * ranks * (ranks + 1) / 2);
    if (sums != std::vector<double>(sums.size(), sum)) ++wrong;

    const std::vector<std::int64_t> all = group.all_gather<std::int64_t>(i + rank);
    for (Index other = 0; other < ranks; ++other)
      if (all[static_cast<std::size_t>(other)] != i + other) ++wrong;

    const Sharding cut(ranks * (i % 5 == 0 ? 1000 : 1), ranks, "elements");
    const std::vector<double> send(static_cast<std::size_t>(cut.total()), one);
    std::vector<double> piece(static_cast<std::size_t>(cut.range(rank).size()));
    group.reduce_scatter(std::span(send), std::span(piece), cut.ranges());
    if (piece != std::vector<double>(piece.size(), sum)) ++wrong;

    std::int64_t spoken = i + rank;
    group.broadcast(std::span(&spoken, 1), static_cast<int>(i % ranks));
    if (spoken != i + i % ranks) ++wrong;
  }
  CHECK(wrong == 0);
}

/// 1, 2, 3, ...: numbers of which sums are exact.
std::vector<double> counting(Index count, double factor = 1) {
  std::vector<double> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 1.0);
  for (double& number : numbers) number *= factor;
  return numbers;
}

/// Doubles of a group's memory.
class Numbers {
 public:
  Numbers(std::pmr::memory_resource* memory, Index count)
      : memory_(memory), count_(static_cast<std::size_t>(count)) {
    data_ = static_cast<double*>(memory_->allocate(bytes(), tensor_alignment));
  }
  ~Numbers() { memory_->deallocate(data_, bytes(), tensor_alignment); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  std::span<double> all() { return {data_, count_}; }
  double& operator[](Index i) { return data_[i]; }

 private:
  std::size_t bytes() const { return count_ * sizeof(double); }
  std::pmr::memory_resource* memory_;
  std::size_t count_;
  double* data_;
};

void fill(Numbers& numbers, Range range, double value) {
  for (Index i = range.begin; i < range.end; ++i) numbers[i] = value;
}

bool shares_memory(const ProcessGroup& group) {
  return group.transport_name() == "shared" || group.transport_name() == "threads";
}

}  // namespace

RANKS_TEST_CASE("long and short collectives in turn, again and again", "1-8") {
  const int length = world.transport_name().starts_with("mpi") ? 20 : 200;
  check_sequence(world, length);
  ProcessGroup other = world.split(world.rank() % 2, 0);
  check_sequence(other, length / 2);
}

RANKS_TEST_CASE("buffers far longer than what ranks show each other at once", "1-8") {
  const Index ranks = world.size(), rank = world.rank();
  const Sharding cut(ranks * 40001 + 3, ranks, "numbers");  // 320 kB a rank, of uneven lengths
  const std::vector<double> want = counting(cut.total());
  const Range own = cut.range(world.rank());

  std::vector<double> gathered(want.size());
  std::copy(want.begin() + own.begin, want.begin() + own.end, gathered.begin() + own.begin);
  world.all_gather(std::span(gathered), cut.ranges());
  CHECK(gathered == want);

  const double factor = static_cast<double>(ranks * (ranks + 1) / 2);
  const std::vector<double> sums = counting(cut.total(), factor);
  const std::vector<double> send = counting(cut.total(), static_cast<double>(rank + 1));
  std::vector<double> piece(static_cast<std::size_t>(own.size()));
  world.reduce_scatter(std::span(send), std::span(piece), cut.ranges());
  CHECK(std::equal(piece.begin(), piece.end(), sums.begin() + own.begin));

  std::vector<double> reduced = send;
  world.all_reduce(std::span(reduced));
  CHECK(reduced == sums);
  reduced = send;
  world.all_reduce(std::span(reduced), Reduction::max);
  CHECK(reduced == counting(cut.total(), static_cast<double>(ranks)));

  std::vector<double> spoken = rank == ranks - 1 ? want : std::vector<double>(want.size());
  world.broadcast(std::span(spoken), world.size() - 1);
  CHECK(spoken == want);
}

RANKS_TEST_CASE("columns in common memory are everywhere once they are gathered", "1-8") {
  for (const Index unit : {1, 5000}) {
    const Sharding cut(3 * world.size() + 1, world.size(), "columns");
    Numbers y(world.common_memory(), cut.total() * unit);
    const Range own = cut.range(world.rank());
    for (Index i = own.begin * unit; i < own.end * unit; ++i) y[i] = static_cast<double>(i);
    world.all_gather(y.all(), cut.ranges(), unit);
    int wrong = 0;
    for (Index i = 0; i < cut.total() * unit; ++i) wrong += y[i] != static_cast<double>(i) ? 1 : 0;
    CHECK(wrong == 0);
    // It is one memory: what a rank writes, the others have.
    if (!shares_memory(world)) continue;
    world.barrier();
    if (world.rank() == 0) y[0] = -1;
    world.barrier();
    CHECK(y[0] == -1);
    world.barrier();
  }
}

RANKS_TEST_CASE("sums of what lies in visible memory", "1-8") {
  const Index ranks = world.size(), rank = world.rank();
  for (const Index unit : {1, 5000}) {
    const Sharding cut(3 * ranks + 1, world.size(), "columns");
    const Index count = cut.total() * unit;
    const std::vector<double> sums = counting(count, static_cast<double>(ranks * (ranks + 1) / 2));
    const std::vector<double> own = counting(count, static_cast<double>(rank + 1));
    Numbers send(world.visible_memory(), count);
    std::copy(own.begin(), own.end(), &send[0]);
    const Range range = cut.range(world.rank());
    std::vector<double> piece(static_cast<std::size_t>(range.size() * unit));
    world.reduce_scatter(std::span<const double>(send.all()), std::span(piece), cut.ranges(), unit);
    CHECK(std::equal(piece.begin(), piece.end(), sums.begin() + range.begin * unit));
    CHECK(std::equal(own.begin(), own.end(), &send[0]));
    world.all_reduce(send.all());
    CHECK(std::equal(sums.begin(), sums.end(), &send[0]));
  }
}

// All but the first have next to nothing to add, and would be gone long before it.
RANKS_TEST_CASE("nobody's numbers change while another rank adds them", "2-4") {
  const Index count = 1 << 20, rank = world.rank(), ranks = world.size();
  std::vector<Range> pieces{{0, count - ranks + 1}};
  for (Index i = 1; i < ranks; ++i) pieces.push_back({count - ranks + i, count - ranks + i + 1});
  std::vector<double> piece(
      static_cast<std::size_t>(pieces[static_cast<std::size_t>(rank)].size()));
  for (int round = 0; round < 3; ++round) {
    Numbers send(world.visible_memory(), count);
    fill(send, {0, count}, 1);
    world.reduce_scatter(std::span<const double>(send.all()), std::span(piece), pieces);
    fill(send, {0, count}, -1);
    CHECK(piece == std::vector<double>(piece.size(), static_cast<double>(ranks)));
  }
}

// A rank that is ahead takes the memory of the next tensor while another still reads this one.
RANKS_TEST_CASE("memory that was given back is not written while another rank reads it", "2-4") {
  const Sharding cut(64 * world.size(), world.size(), "numbers");
  int wrong = 0;
  for (int round = 0; round < 30; ++round) {
    Numbers y(world.common_memory(), cut.total());
    fill(y, cut.range(world.rank()), round);
    world.all_gather(y.all(), cut.ranges());
    if (round % world.size() == world.rank())
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    for (Index i = 0; i < cut.total(); ++i) wrong += y[i] != round ? 1 : 0;
  }
  CHECK(wrong == 0);
}

RANKS_TEST_CASE("ranks that don't take the same tensors are told", "2-4") {
  if (!shares_memory(world)) return;
  const Sharding cut(world.size(), world.size(), "numbers");
  const auto take = [&] { const Numbers some(world.common_memory(), 2 * cut.total()); };
  take();
  if (world.rank() == 0) take();
  Numbers y(world.common_memory(), cut.total());
  const std::string error = error_of([&] { world.all_gather(y.all(), cut.ranges()); });
  CAPTURE(error);
  CHECK(error.find("have not taken and given back the same tensors") != error.npos);
}

RANKS_TEST_CASE("a rank that asks for common memory alone is told where the others are", "2-4") {
  if (!shares_memory(world)) return;
  const std::string error = error_of([&] {
    if (world.rank() == 0) const Numbers alone(world.common_memory(), 5);
    world.barrier();
  });
  CAPTURE(error);
  CHECK(error.find("rank 0 is in allocation of common memory") != error.npos);
  CHECK(error.find("in barrier #1 of world") != error.npos);
}
