#include "colonnade/tensor_slice.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using colonnade::check_cover;
using colonnade::check_slices;
using colonnade::count_holders;
using colonnade::for_each_run;
using colonnade::Index;
using colonnade::Range;
using colonnade::Run;
using colonnade::Scalar;
using colonnade::shard_range;
using colonnade::TensorSlice;
using harness::error_of;
using harness::lacking;

namespace {

using Runs = std::vector<std::tuple<Index, Index, Index>>;

Scalar number = 0;

Runs runs_of(std::vector<Index> shape, std::vector<Range> block) {
  Runs runs;
  for_each_run({"t", std::move(shape), std::move(block), &number},
               [&](Run run) { runs.emplace_back(run.in_tensor, run.in_data, run.count); });
  return runs;
}

std::string slice_error(const TensorSlice& slice) {
  return error_of([&] { check_slices(std::span(&slice, 1)); });
}

}  // namespace

TEST_CASE("a block is cut into the runs that lie together in the file") {
  // [3, 4]:  0 1 2 3 / 4 5 6 7 / 8 9 10 11
  CHECK(runs_of({3, 4}, {{0, 3}, {0, 4}}) == Runs{{0, 0, 12}});
  CHECK(runs_of({3, 4}, {{1, 3}, {0, 4}}) == Runs{{4, 0, 8}});
  CHECK(runs_of({3, 4}, {{0, 3}, {1, 3}}) == Runs{{1, 0, 2}, {5, 2, 2}, {9, 4, 2}});
  CHECK(runs_of({3, 4}, {{2, 3}, {3, 4}}) == Runs{{11, 0, 1}});
  CHECK(runs_of({3, 4}, {{1, 1}, {0, 4}}).empty());
  CHECK(runs_of({3, 4}, {{0, 3}, {2, 2}}).empty());
  CHECK(runs_of({5}, {{2, 4}}) == Runs{{2, 0, 2}});
  CHECK(runs_of({}, {}) == Runs{{0, 0, 1}});
  CHECK(runs_of({2, 3, 4}, {{0, 2}, {1, 3}, {0, 4}}) == Runs{{4, 0, 8}, {16, 8, 8}});
  CHECK(runs_of({2, 0}, {{0, 2}, {0, 0}}).empty());
}

TEST_CASE("a run of a block's elements is cut into runs too") {
  const auto runs_in = [](std::vector<Index> shape, std::vector<Range> block, Range elements) {
    Runs runs;
    for_each_run({"t", std::move(shape), std::move(block), &number, elements},
                 [&](Run run) { runs.emplace_back(run.in_tensor, run.in_data, run.count); });
    return runs;
  };
  // [3, 4]:  0 1 2 3 / 4 5 6 7 / 8 9 10 11
  CHECK(runs_in({3, 4}, {{0, 3}, {0, 4}}, {5, 9}) == Runs{{5, 0, 4}});
  CHECK(runs_in({3, 4}, {{0, 3}, {1, 3}}, {1, 4}) == Runs{{2, 0, 1}, {5, 1, 2}});
  CHECK(runs_in({3, 4}, {{0, 3}, {1, 3}}, {0, 6}) == runs_of({3, 4}, {{0, 3}, {1, 3}}));
  CHECK(runs_in({5}, {{2, 5}}, {1, 3}) == Runs{{3, 0, 2}});
  CHECK(runs_in({5}, {{2, 5}}, {1, 1}).empty());
}

TEST_CASE("slices that can't be are refused") {
  CHECK(slice_error({"t", {3, 4}, {{1, 3}, {0, 4}}, &number}) == "");
  CHECK(slice_error({"t", {3, 4}, {{1, 1}, {0, 4}}, nullptr}) == "");
  CHECK(lacking(slice_error({"t", {3, 4}, {{1, 3}}, &number}), {"slice of 't'", "[3, 4]"}) == "");
  CHECK(slice_error({"t", {3}, {{1, 4}}, &number}) != "");
  CHECK(slice_error({"t", {3}, {{-1, 2}}, &number}) != "");
  CHECK(slice_error({"t", {3}, {{2, 1}}, &number}) != "");
  CHECK(slice_error({"t", {3}, {{0, 3}}, nullptr}) != "");
  CHECK(slice_error({"t", {-3}, {{0, 0}}, &number}) != "");
  CHECK(slice_error({"t", {3, 4}, {{1, 3}, {0, 4}}, &number, Range{3, 8}}) == "");
  CHECK(slice_error({"t", {3, 4}, {{1, 3}, {0, 4}}, nullptr, Range{3, 3}}) == "");
  CHECK(slice_error({"t", {3, 4}, {{1, 3}, {0, 4}}, &number, Range{3, 9}}) != "");
  CHECK(slice_error({"t", {3, 4}, {{1, 3}, {0, 4}}, &number, Range{-1, 8}}) != "");
  CHECK(slice_error({"t", {2, 2, 2}, {{0, 2}, {0, 2}, {0, 2}}, &number, Range{0, 8}}) != "");
  CHECK(lacking(slice_error({"__metadata__", {3}, {{0, 3}}, &number}), {"__metadata__"}) == "");
  const std::vector<TensorSlice> twice(2, {"t", {1}, {{0, 1}}, &number});
  CHECK(lacking(error_of([&] { check_slices(twice); }), {"each name once", "found 't'"}) == "");
}

RANKS_TEST_CASE("blocks of all ranks together must be each tensor, once", "1-8") {
  const Index ranks = world.size();
  const Index rank = world.rank();
  const Range mine = shard_range(7, ranks, rank);
  const Range all_or_nothing = rank == 0 ? Range{0, 3} : Range{0, 0};
  const TensorSlice by_rows = {"rows", {7, 2}, {mine, {0, 2}}, &number};
  const TensorSlice by_cols = {"cols", {2, 7}, {{0, 2}, mine}, &number};
  const TensorSlice of_one = {"one", {3}, {all_or_nothing}, &number};
  const auto cover = [&](const std::vector<TensorSlice>& slices) {
    return error_of([&] { check_cover(world, slices); });
  };
  CHECK(cover({by_rows, by_cols, of_one}) == "");
  CHECK(cover({}) == "");

  const TensorSlice gap = {"gap", {8}, {mine}, &number};
  CHECK(lacking(cover({by_rows, of_one, gap}),
                {"cannot save 'gap'", "wanted each of its 8 elements", "found 7"}) == "");
  if (ranks == 1) return;
  const TensorSlice everywhere = {"everywhere", {3}, {{0, 3}}, &number};
  CHECK(lacking(cover({by_rows, everywhere, of_one}),
                {"cannot save 'everywhere'", "some on several ranks"}) == "");
  // As many elements as there should be, but one of them twice and one not at all.
  Range shifted = mine;
  if (rank == 0) shifted = {mine.begin + 1, mine.end + 1};
  CHECK(cover({{"shifted", {7}, {shifted}, &number}}) != "");
  const std::string other = "rank " + std::to_string(ranks - 1) + " has other names";
  CHECK(lacking(cover({{rank == ranks - 1 ? "b" : "a", {7}, {mine}, &number}}), {other}) == "");
}

RANKS_TEST_CASE("runs of a block's elements together must be each tensor, once, too", "1-8") {
  const Index ranks = world.size();
  const Index rank = world.rank();
  const auto cover = [&](const TensorSlice& slice) {
    return error_of([&] { check_cover(world, std::span(&slice, 1)); });
  };
  // Of any length and any beginning in a row: every cut of 5 x 3 elements.
  for (Index first = 0; first <= 15; ++first) {
    const Range rest = shard_range(15 - first, ranks, rank);
    Range mine = {first + rest.begin, first + rest.end};
    if (rank == 0) mine.begin = 0;
    CHECK(cover({"t", {5, 3}, {{0, 5}, {0, 3}}, &number, mine}) == "");
    if (rank == 0 && mine.end > mine.begin) ++mine.begin;
    CHECK((cover({"t", {5, 3}, {{0, 5}, {0, 3}}, &number, mine}) != ""));
  }
  // Two ranks share a block's rows, others have blocks of their own.
  const Index pairs = (ranks + 1) / 2;
  const Index in_pair = std::min<Index>(2, ranks - rank / 2 * 2);
  const Range columns = shard_range(9, pairs, rank / 2);
  CHECK(cover({"t",
               {4, 9},
               {{0, 4}, columns},
               &number,
               shard_range(4 * columns.size(), in_pair, rank % 2)}) == "");
}

RANKS_TEST_CASE("how many ranks hold a tensor is counted, where it is the same number", "1-8") {
  const Index ranks = world.size();
  const Range mine = shard_range(8, ranks, world.rank());
  const bool is_first = world.rank() == 0;
  const std::vector<TensorSlice> slices = {
      {"cut", {8, 2}, {mine, {0, 2}}, &number},
      {"everywhere", {3}, {{0, 3}}, &number},
      {"runs", {2, 4}, {{0, 2}, {0, 4}}, &number, mine},
      {"a part", {3}, {{0, 2}}, &number},
      {"more of it on one", {4}, {is_first ? Range{0, 4} : Range{0, 2}}, &number},
      {"number", {}, {}, &number},
      {"nothing", {0}, {{0, 0}}, &number},
  };
  const std::int64_t more = ranks == 1 ? 1 : 0;
  CHECK(count_holders(world, slices) == std::vector<std::int64_t>{1, ranks, 1, 0, more, ranks, 0});
}
