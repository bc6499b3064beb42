#include "colonnade/shard.hpp"

#include <limits>

#include "harness.hpp"

using colonnade::Index;
using colonnade::Range;
using colonnade::shard_owner;
using colonnade::shard_range;
using colonnade::Sharding;
using harness::error_of;

TEST_CASE("shards cover everything in order, differ by one at most, longer ones first") {
  for (Index n = 0; n < 40; ++n) {
    for (Index parts = 1; parts < 9; ++parts) {
      CAPTURE(n);
      CAPTURE(parts);
      Index begin = 0;
      for (Index i = 0; i < parts; ++i) {
        const Range range = shard_range(n, parts, i);
        CHECK(range.begin == begin);
        CHECK(range.size() == n / parts + (i < n % parts ? 1 : 0));
        begin = range.end;
      }
      CHECK(begin == n);
    }
  }
}

TEST_CASE("shard_owner is the inverse of shard_range") {
  for (Index n = 1; n < 40; ++n) {
    for (Index parts = 1; parts < 9; ++parts) {
      for (Index i = 0; i < parts; ++i) {
        const Range range = shard_range(n, parts, i);
        for (Index index = range.begin; index < range.end; ++index) {
          CAPTURE(n);
          CAPTURE(parts);
          CAPTURE(index);
          CHECK(shard_owner(n, parts, index) == i);
        }
      }
    }
  }
}

TEST_CASE("ten classes on three and on four ranks") {
  CHECK(Sharding(10, 3, "classes").ranges() == std::vector<Range>{{0, 4}, {4, 7}, {7, 10}});
  CHECK(Sharding(10, 4, "classes").ranges() == std::vector<Range>{{0, 3}, {3, 6}, {6, 8}, {8, 10}});
}

TEST_CASE("sizes near the largest number don't overflow") {
  const Index n = std::numeric_limits<Index>::max();
  CHECK(shard_range(n, 7, 6).end == n);
  CHECK(shard_owner(n, 7, n - 1) == 6);
}

TEST_CASE("a sharding knows its whole and its parts") {
  const Sharding cut(7, 3, "columns");
  CHECK(cut.total() == 7);
  CHECK(cut.parts() == 3);
  CHECK(cut.range(0) == Range{0, 3});
  CHECK(cut.range(2) == Range{5, 7});
}

TEST_CASE("shards that don't exist are refused") {
  CHECK(error_of([] { shard_range(-1, 2, 0); }).starts_with("no such shard"));
  CHECK(error_of([] { shard_range(4, 2, -1); }).starts_with("no such shard"));
  CHECK(error_of([] { shard_range(4, 2, 2); }).find("found shard 2 of 2, size 4") !=
        std::string::npos);
  CHECK(error_of([] { shard_range(4, 0, 0); }).starts_with("no such shard"));
  CHECK(error_of([] {
          shard_owner(4, 2, 4);
        }).starts_with("no shard holds this element: wanted an index below 4, found 4"));
  CHECK(error_of([] { shard_owner(4, 2, -1); }).starts_with("no shard holds this element"));
  CHECK(error_of([] { shard_owner(4, 0, 1); }).starts_with("no shard holds this element"));
}

TEST_CASE("a cut that leaves a rank without a column is refused by its name") {
  const std::string text = error_of([] { Sharding(3, 4, "the 3 columns of layers.1"); });
  CHECK(
      text.starts_with("cannot cut the 3 columns of layers.1 among 4 ranks: wanted at least one "
                       "column for each rank, found 3 columns; run on fewer ranks"));
  CHECK(error_of([] { Sharding(4, 4, "columns"); }).empty());
  CHECK_FALSE(error_of([] { Sharding(4, 0, "columns"); }).empty());
}

TEST_CASE("a part owns a run of the logical shards, which don't change with the parts") {
  // 11 columns in 8 shards: 2 2 2 1 1 1 1 1.
  CHECK(Sharding(11, 1, 8, "columns").ranges() == std::vector<Range>{{0, 11}});
  CHECK(Sharding(11, 2, 8, "columns").ranges() == std::vector<Range>{{0, 7}, {7, 11}});
  CHECK(Sharding(11, 4, 8, "columns").ranges() ==
        std::vector<Range>{{0, 4}, {4, 7}, {7, 9}, {9, 11}});
  CHECK(Sharding(11, 4, 8, "columns").shards_of(1) == std::vector<Range>{{0, 2}, {2, 3}});
  CHECK(Sharding(11, 8, 8, "columns").shards_of(1) == std::vector<Range>{{0, 2}});
  std::vector<Range> of_two;
  const Sharding two(11, 2, 8, "columns");
  for (Index part = 0; part < 2; ++part)
    for (const Range shard : two.shards_of(part))
      of_two.push_back({shard.begin + two.range(part).begin, shard.end + two.range(part).begin});
  CHECK(of_two == Sharding(11, 1, 8, "columns").shards_of(0));
  CHECK(Sharding(11, 4, 0, "columns").ranges() == Sharding(11, 4, "columns").ranges());
  CHECK(Sharding(11, 4, "columns").shards_of(0) == std::vector<Range>{{0, 3}});
}

TEST_CASE("shards that can't be cut or dealt out are refused") {
  CHECK(error_of([] { Sharding(7, 2, 8, "the outputs of layers.2"); })
            .starts_with("cannot cut the outputs of layers.2 among 8 shards: wanted at least one "
                         "column for each shard, found 7 columns; choose fewer shards"));
  CHECK(error_of([] {
          Sharding(16, 3, 8, "columns");
        }).starts_with("cannot divide the shards among the ranks evenly"));
}

TEST_CASE("divide_exact divides or names the quantity and the caller") {
  CHECK(colonnade::divide_exact(12, 4, "heads") == 3);
  CHECK(colonnade::divide_exact(0, 4, "heads") == 0);
  const std::string text = error_of([] { colonnade::divide_exact(13, 4, "heads"); });
  const std::string line = std::to_string(__LINE__ - 1);
  CHECK(text ==
        "cannot divide heads evenly: wanted a multiple of 4, found 13 [rank 0, "
        "test_shard.cpp:" +
            line + "]");
  CHECK_FALSE(error_of([] { colonnade::divide_exact(1, 0, "heads"); }).empty());
}
