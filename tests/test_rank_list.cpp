// Sentences about many ranks.
#include "rank_list.hpp"

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("numbers are listed, and three and more in a row shortened") {
  CHECK(render_runs({}).empty());
  CHECK(render_runs({3}) == "3");
  CHECK(render_runs({0, 1}) == "0, 1");
  CHECK(render_runs({0, 1, 2}) == "0-2");
  CHECK(render_runs({0, 2, 3, 5, 6, 7, 8, 11}) == "0, 2, 3, 5-8, 11");
}

TEST_CASE("ranks of the same text stand together, the fewest first, in rank order") {
  CHECK(who_is_where({}).empty());
  CHECK(who_is_where({{0, "in A"}, {1, "in B"}, {2, "in A"}, {3, "in A"}}) ==
        "rank 1 is in B; ranks 0, 2, 3 are in A");
  CHECK(who_is_where({{2, "in B"}, {1, "in A"}}) == "rank 1 is in A; rank 2 is in B");
}

TEST_CASE("of times the shortest is said") {
  CHECK(who_is_where({{0, "busy", 2.04}, {1, "busy", 1.26}}) == "ranks 0, 1 are busy, for 1.3 s");
}
