#include "colonnade/render.hpp"

#include <cstdint>
#include <vector>

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("durations") {
  CHECK(render_duration(0) == "0.00us");
  CHECK(render_duration(12.34e-6) == "12.34us");
  CHECK(render_duration(5.678e-3) == "5.68ms");
  CHECK(render_duration(1) == "1.00s");
  CHECK(render_duration(119.5) == "119.50s");
  CHECK(render_duration(200) == "3m20s");
  CHECK(render_duration(3900) == "1h05m");
  CHECK(render_whole_seconds(0.2) == "0s");
  CHECK(render_whole_seconds(42.6) == "43s");
  CHECK(render_whole_seconds(200) == "3m20s");
}

TEST_CASE("bytes, counts, fixed decimals") {
  CHECK(render_bytes(512) == "512 B");
  CHECK(render_bytes(1536) == "1.5 KiB");
  CHECK(render_bytes(2 * 1024 * 1024) == "2.0 MiB");
  CHECK(render_bytes(3.5 * 1024 * 1024 * 1024) == "3.50 GiB");
  CHECK(render_count(0) == "0");
  CHECK(render_count(999) == "999");
  CHECK(render_count(1000) == "1,000");
  CHECK(render_count(1863690) == "1,863,690");
  CHECK(render_count(-123456) == "-123,456");
  CHECK(render_fixed(1.005, 1) == "1.0");
}

TEST_CASE("ranks") {
  using Ranks = std::vector<std::int64_t>;
  CHECK(render_ranks(Ranks{2}) == "rank 2");
  CHECK(render_ranks(Ranks{0, 7}) == "ranks 0 and 7");
  CHECK(render_ranks(Ranks{2, 3, 5}) == "ranks 2, 3 and 5");
}
