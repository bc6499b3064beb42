#include "colonnade/tensor_slice.hpp"

#include <string>
#include <tuple>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using colonnade::check_cover;
using colonnade::check_slices;
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
               [&](Run run) { runs.emplace_back(run.in_tensor, run.in_block, run.count); });
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

TEST_CASE("slices that can't be are refused") {
  CHECK(slice_error({"t", {3, 4}, {{1, 3}, {0, 4}}, &number}) == "");
  CHECK(slice_error({"t", {3, 4}, {{1, 1}, {0, 4}}, nullptr}) == "");
  CHECK(lacking(slice_error({"t", {3, 4}, {{1, 3}}, &number}), {"slice of 't'", "[3, 4]"}) == "");
  CHECK(slice_error({"t", {3}, {{1, 4}}, &number}) != "");
  CHECK(slice_error({"t", {3}, {{-1, 2}}, &number}) != "");
  CHECK(slice_error({"t", {3}, {{2, 1}}, &number}) != "");
  CHECK(slice_error({"t", {3}, {{0, 3}}, nullptr}) != "");
  CHECK(slice_error({"t", {-3}, {{0, 0}}, &number}) != "");
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
