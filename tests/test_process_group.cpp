// What a transport must do. The buffers are those of the tables in transport.hpp.
#include "colonnade/process_group.hpp"

#include <chrono>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include "harness.hpp"

using colonnade::Collective;
using colonnade::Error;
using colonnade::Index;
using colonnade::ProcessGroup;
using colonnade::Range;
using colonnade::Reduction;
using colonnade::Sharding;
using harness::error_of;

static_assert(std::is_nothrow_move_constructible_v<ProcessGroup>);
static_assert(!std::is_copy_constructible_v<ProcessGroup>);

namespace {

std::size_t position(int i) {
  return static_cast<std::size_t>(i);
}

/// Pieces of these lengths.
std::vector<Range> pieces_of(const std::vector<Index>& lengths) {
  std::vector<Range> pieces;
  for (const Index length : lengths) {
    const Index begin = pieces.empty() ? 0 : pieces.back().end;
    pieces.push_back({begin, begin + length});
  }
  return pieces;
}

/// Each rank contributes its piece of 1, 2, 3, ...; all must end up with the whole.
template <class T>
void check_all_gather(ProcessGroup& group, const std::vector<Range>& pieces, Index unit) {
  std::vector<T> whole(static_cast<std::size_t>(pieces.back().end * unit));
  std::iota(whole.begin(), whole.end(), T{1});
  std::vector<T> buffer(whole.size(), T{0});
  const Range own = pieces[position(group.rank())];
  for (Index k = own.begin * unit; k < own.end * unit; ++k)
    buffer[static_cast<std::size_t>(k)] = whole[static_cast<std::size_t>(k)];
  group.all_gather(std::span<T>(buffer), pieces, unit);
  CHECK(buffer == whole);
}

/// Rank r sends (r + 1) (k + 1) as element k; the sum over r has the factor P (P + 1) / 2.
template <class T>
void check_reduce_scatter(ProcessGroup& group, const std::vector<Range>& pieces, Index unit) {
  const Index total = pieces.back().end * unit;
  std::vector<T> send(static_cast<std::size_t>(total));
  for (Index k = 0; k < total; ++k)
    send[static_cast<std::size_t>(k)] = static_cast<T>((group.rank() + 1) * (k + 1));
  const Range own = pieces[position(group.rank())];
  std::vector<T> receive(static_cast<std::size_t>(own.size() * unit), T{0});
  group.reduce_scatter(std::span<const T>(send), std::span<T>(receive), pieces, unit);
  const Index factor = group.size() * (group.size() + 1) / 2;
  std::vector<T> want(receive.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    want[i] = static_cast<T>(factor * (own.begin * unit + static_cast<Index>(i) + 1));
  CHECK(receive == want);
}

template <class T>
void check_reductions(ProcessGroup& group) {
  const int ranks = group.size();
  const T from_one = static_cast<T>(group.rank() + 1);
  std::vector<T> buffer = {from_one, static_cast<T>(10 * from_one)};
  group.all_reduce(std::span<T>(buffer));
  const T sum = static_cast<T>(ranks * (ranks + 1) / 2);
  CHECK(buffer == std::vector<T>{sum, static_cast<T>(10 * sum)});
  CHECK(group.all_reduce(from_one, Reduction::min) == T{1});
  CHECK(group.all_reduce(static_cast<T>(-from_one), Reduction::max) == T{-1});
  CHECK(group.all_reduce(from_one, Reduction::max) == static_cast<T>(ranks));
  CHECK(group.all_reduce(static_cast<T>(-from_one), Reduction::min) == static_cast<T>(-ranks));
}

template <class T>
void check_broadcast(ProcessGroup& group) {
  for (int root = 0; root < group.size(); ++root) {
    const T mark = static_cast<T>(group.rank() + 7);
    std::vector<T> buffer(3, mark);
    group.broadcast(std::span<T>(buffer), root);
    CHECK(buffer == std::vector<T>(3, static_cast<T>(root + 7)));
  }
}

/// All collectives on all types, with equal and unequal pieces, some of them empty.
void check_collectives(ProcessGroup& group) {
  const Index ranks = group.size();
  std::vector<Index> growing(position(group.size()));
  std::iota(growing.begin(), growing.end(), Index{0});
  growing.back() += 1;
  const std::vector<std::vector<Range>> cuts = {Sharding(ranks, ranks, "ranks").ranges(),
                                                Sharding(2 * ranks + 1, ranks, "odd").ranges(),
                                                pieces_of(growing)};
  for (const auto& pieces : cuts) {
    for (const Index unit : {1, 3}) {
      check_all_gather<float>(group, pieces, unit);
      check_all_gather<double>(group, pieces, unit);
      check_all_gather<std::int64_t>(group, pieces, unit);
      check_all_gather<char>(group, pieces, unit);
      check_reduce_scatter<float>(group, pieces, unit);
      check_reduce_scatter<double>(group, pieces, unit);
      check_reduce_scatter<std::int64_t>(group, pieces, unit);
    }
  }
  check_reductions<float>(group);
  check_reductions<double>(group);
  check_reductions<std::int64_t>(group);
  check_broadcast<float>(group);
  check_broadcast<double>(group);
  check_broadcast<std::int64_t>(group);
  check_broadcast<char>(group);
}

}  // namespace

RANKS_TEST_CASE("every collective on every type with uneven pieces", "1-8") {
  check_collectives(world);
}

TEST_CASE("a group of this rank alone takes the same path") {
  ProcessGroup self = ProcessGroup::self();
  CHECK(self.rank() == 0);
  CHECK(self.size() == 1);
  check_collectives(self);
  self.barrier();
  CHECK(self.split_by_node().size() == 1);
  CHECK(self.traffic(Collective::barrier).calls == 1);
  CHECK(self.total_traffic().bytes_sent == 0);
}

RANKS_TEST_CASE("the table of all_gather", "2") {
  const std::vector<Range> pieces = {{0, 1}, {1, 3}};
  std::vector<double> buffer =
      world.rank() == 0 ? std::vector<double>{1, -1, -1} : std::vector<double>{-1, 2, 3};
  world.all_gather(std::span(buffer), pieces);
  CHECK(buffer == std::vector<double>{1, 2, 3});
}

// A long reduce-scatter goes in blocks of 256 KiB. Here the first rank's piece needs a block more
// than the others', so that for each pair of ranks one has nothing left to send when the other
// still has.
RANKS_TEST_CASE("reduce_scatter of long pieces that end in different blocks", "1-8") {
  const Sharding cut(1024 * world.size() + 1, world.size(), "columns");
  for (int repetition = 0; repetition < 2; ++repetition) {
    check_reduce_scatter<float>(world, cut.ranges(), 64);
    check_reduce_scatter<double>(world, cut.ranges(), 64);
    check_reduce_scatter<std::int64_t>(world, cut.ranges(), 64);
  }
}

RANKS_TEST_CASE("the table of reduce_scatter", "2") {
  const std::vector<Range> pieces = {{0, 1}, {1, 3}};
  const std::vector<double> send =
      world.rank() == 0 ? std::vector<double>{1, 2, 3} : std::vector<double>{40, 50, 60};
  std::vector<double> receive(world.rank() == 0 ? 1 : 2);
  world.reduce_scatter(std::span<const double>(send), std::span(receive), pieces);
  CHECK(receive == (world.rank() == 0 ? std::vector<double>{41} : std::vector<double>{52, 63}));
}

RANKS_TEST_CASE("the table of all_reduce", "2") {
  std::vector<double> buffer =
      world.rank() == 0 ? std::vector<double>{1, 2} : std::vector<double>{30, 40};
  world.all_reduce(std::span(buffer));
  CHECK(buffer == std::vector<double>{31, 42});
}

RANKS_TEST_CASE("the table of broadcast", "2") {
  std::vector<double> buffer =
      world.rank() == 0 ? std::vector<double>{1, 2} : std::vector<double>{-1, -1};
  world.broadcast(std::span(buffer), 0);
  CHECK(buffer == std::vector<double>{1, 2});
}

RANKS_TEST_CASE("one number of each rank, in rank order", "1-8") {
  const std::vector<double> values = world.all_gather(0.5 + world.rank());
  REQUIRE(values.size() == position(world.size()));
  for (int r = 0; r < world.size(); ++r) CHECK(values[position(r)] == 0.5 + r);
}

RANKS_TEST_CASE("texts of all ranks, in rank order, empty ones too", "1-8") {
  const std::vector<std::string> texts =
      colonnade::gather_text(world, std::string(position(world.rank()), 'x'));
  REQUIRE(texts.size() == position(world.size()));
  for (int r = 0; r < world.size(); ++r) CHECK(texts[position(r)] == std::string(position(r), 'x'));
}

RANKS_TEST_CASE("nobody leaves a barrier before everybody has come", "2-8") {
  using Clock = std::chrono::steady_clock;  // one clock for all processes of a machine
  const auto now = [] { return Clock::now().time_since_epoch().count(); };
  for (int last = 0; last < world.size(); ++last) {
    if (world.rank() == last) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::int64_t arrival = now();
    world.barrier();
    const std::int64_t departure = now();
    world.broadcast(std::span(&arrival, 1), last);
    CHECK(departure >= arrival);
  }
}

RANKS_TEST_CASE("pieces that don't fit are refused on every rank and not counted", "1-8") {
  const Sharding cut(2 * world.size(), world.size(), "columns");
  std::vector<float> whole(position(2 * world.size()));
  std::vector<float> one_short(whole.size() - 1);
  const std::vector<Range> too_few(cut.ranges().begin(), cut.ranges().end() - 1);
  const std::string wrong_pieces = "pieces of a collective don't fit its buffer: wanted ";
  CHECK(error_of([&] {
          world.all_gather(std::span(one_short), cut.ranges());
        }).starts_with(wrong_pieces));
  CHECK(error_of([&] { world.all_gather(std::span(whole), too_few); }).starts_with(wrong_pieces));
  CHECK(error_of([&] {
          world.reduce_scatter(std::span<const float>(one_short), std::span(whole), cut.ranges());
        }).starts_with(wrong_pieces));
  std::vector<float> one_more(whole.size() + 1);
  CHECK(error_of([&] {
          world.all_gather(std::span(one_more), cut.ranges());
        }).starts_with(wrong_pieces));
  std::vector<Range> gap = cut.ranges();
  gap.front().begin = 1;
  CHECK(error_of([&] { world.all_gather(std::span(whole), gap); }).starts_with(wrong_pieces));
  std::vector<Range> backwards = cut.ranges();
  backwards.back() = {cut.total(), cut.total() - 2};
  CHECK(error_of([&] { world.all_gather(std::span(whole), backwards); }).starts_with(wrong_pieces));
  std::vector<float> too_long(3);
  CHECK(
      error_of([&] {
        world.reduce_scatter(std::span<const float>(whole), std::span(too_long), cut.ranges());
      })
          .starts_with("receive buffer of a reduce-scatter doesn't fit the rank's piece: wanted 2 "
                       "elements, found 3"));
  CHECK(world.total_traffic().calls == 0);
}

// MPI's own default would end the job here, so this is red unless the error handler was set.
RANKS_TEST_CASE("an error of MPI arrives as an exception", "mpi 2") {
  char letter = 'a';
  CHECK(error_of([&] {
          world.all_reduce(std::span(&letter, 1));
        }).starts_with("MPI_Allreduce failed: found "));
  CHECK(error_of([&] {
          world.broadcast(std::span(&letter, 1), world.size());
        }).starts_with("MPI_Bcast failed: found "));
  CHECK(world.all_reduce<std::int64_t>(1) == world.size());
}

RANKS_TEST_CASE("a moved group goes on with its ranks and its counts", "1-3") {
  world.barrier();
  ProcessGroup moved = std::move(world);
  CHECK(moved.all_reduce<std::int64_t>(1) == moved.size());
  CHECK(moved.total_traffic().calls == 2);
}

RANKS_TEST_CASE("the ranks of this node are all ranks, in order", "1-8") {
  if (world.transport_name().starts_with("mpi+shared")) return;  // on nodes that are pretended
  ProcessGroup node = world.split_by_node();
  CHECK(node.rank() == world.rank());
  CHECK(node.size() == world.size());
  check_collectives(node);
  CHECK(world.total_traffic().calls == 0);
}

RANKS_TEST_CASE("ranks of one color form a group, ordered by key and then rank", "1-8") {
  const int rank = world.rank(), ranks = world.size();
  {  // backwards, all in one
    ProcessGroup all = world.split(7, -rank);
    CHECK(all.size() == ranks);
    CHECK(all.rank() == ranks - 1 - rank);
    check_collectives(all);
  }
  {  // even and odd ranks
    ProcessGroup half = world.split(rank % 2, 0);
    CHECK(half.size() == (ranks + 1 - rank % 2) / 2);
    CHECK(half.rank() == rank / 2);
    check_collectives(half);
    ProcessGroup quarter = half.split(half.rank() / 2, 0);
    CHECK(quarter.all_gather<std::int64_t>(rank)[0] == rank % 2 + 4 * (half.rank() / 2));
  }
  ProcessGroup alone = world.split(rank, 0);
  CHECK(alone.size() == 1);
  check_collectives(alone);
  CHECK(world.total_traffic().calls == 0);
}

RANKS_TEST_CASE("a group lends memory for the tensors of a step", "1-3") {
  const auto lend = [&] {
    void* block = world.memory()->allocate(256, colonnade::tensor_alignment);
    world.memory()->deallocate(block, 256, colonnade::tensor_alignment);
    return block;
  };
  CHECK(lend() == lend());
}

RANKS_TEST_CASE("ranks agree on the first failure, and all throw it", "1-8") {
  int runs = 0;
  CHECK(error_of([&] { collectively(world, [&] { ++runs; }); }).empty());
  CHECK(runs == 1);

  // All ranks but 0 fail, so the lowest that fails is 1; alone, rank 0 fails.
  const int first = world.size() > 1 ? 1 : 0;
  std::string text;
  bool agreed = false;
  try {
    collectively(world, [&] {
      if (world.rank() >= first) throw Error("no such file", {.hint = "look again"});
    });
  } catch (const Error& error) {
    text = error.what();
    agreed = error.is_agreed();
  }
  CHECK(agreed);
  CHECK(text.starts_with("no such file; look again [rank " + std::to_string(first) + ", "));

  // Any exception counts, and the ranks can go on together after it.
  CHECK(error_of([&] {
          collectively(world, [&] {
            if (world.rank() == world.size() - 1) throw std::out_of_range("far away");
          });
        }) == "far away");
  CHECK(world.all_reduce<std::int64_t>(1) == world.size());
}
