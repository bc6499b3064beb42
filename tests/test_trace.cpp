// What all ranks recorded, brought together on one clock, and written as JSON.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "colonnade/trace.hpp"
#include "files.hpp"
#include "harness.hpp"

using namespace colonnade;
using harness::error_of;
using harness::lacking;
using harness::read_file;
using Json = nlohmann::json;

namespace {

SpanRecord call(std::int64_t number, std::int64_t begin, std::int64_t end,
                Activity activity = Activity::collective,
                Collective kind = Collective::all_reduce) {
  SpanRecord span;
  span.number = number;
  span.begin = begin;
  span.end = end;
  span.activity = activity;
  span.kind = kind;
  return span;
}

/// A rank of a group of two.
RankTrace rank_with(std::vector<SpanRecord> spans) {
  RankTrace rank;
  rank.spans = std::move(spans);
  rank.sites = {""};
  rank.groups = {{"tp", {3, 1}, 2}};
  rank.host = "here";
  return rank;
}

std::vector<Json> events_of(const Json& trace, const std::string& kind) {
  std::vector<Json> events;
  for (const Json& event : trace["traceEvents"])
    if (event["ph"] == kind) events.push_back(event);
  return events;
}

Json written(const std::vector<RankTrace>& ranks) {
  const std::string path = harness::temporary_folder() / "trace.json";
  write_trace(path, ranks);
  return Json::parse(read_file(path));
}

}  // namespace

// --- Clocks ------------------------------------------------------------------------------------

RANKS_TEST_CASE("a clock that is ahead is ahead by what the bounds say", "1-5") {
  for (const std::int64_t shift : {0l, 1'000'000'007l, -5'000'000'000'000l}) {
    CAPTURE(shift);
    const std::int64_t ahead = shift * world.rank();
    const ClockOffset offset =
        measure_clock_offset(world, [&] { return steady_nanoseconds() + ahead; });
    CHECK(offset.lowest <= ahead);
    CHECK(ahead <= offset.highest);
    CHECK(offset.may_be_none() == (ahead == 0));
    CHECK(offset.at <= steady_nanoseconds() + ahead);
    if (world.rank() == 0) CHECK(offset.lowest == offset.highest);
  }
}

TEST_CASE("two measurements give the clock's drift, and between them all is on a line") {
  const ClockCorrection correct({.lowest = 90, .highest = 110, .at = 1000},
                                {.lowest = 290, .highest = 310, .at = 3000});
  CHECK_FALSE(correct.is_none());
  CHECK(correct(1000) == 900);
  CHECK(correct(2000) == 1800);
  CHECK(correct(3000) == 2700);
}

TEST_CASE("a clock that may be rank 0's own is left alone, unless it is not later") {
  const ClockOffset none{.lowest = -50, .highest = 70, .at = 1000};
  const ClockCorrection same(none, {.lowest = -300, .highest = 10, .at = 2000});
  CHECK(same.is_none());
  CHECK(same(1234) == 1234);
  const ClockCorrection other(none, {.lowest = 100, .highest = 120, .at = 2000});
  CHECK(other(1000) == 990);
  CHECK(other(2000) == 1890);
}

// --- Waiting -----------------------------------------------------------------------------------

TEST_CASE("a rank waits in a call until the last rank of the group has made it") {
  const std::vector<RankTrace> ranks = {
      rank_with({call(1, 10, 40), call(2, 50, 60), call(3, 70, 80)}),
      rank_with({call(1, 25, 41), call(2, 50, 61), call(3, 90, 95)})};
  const auto waits = find_waits(ranks);
  // The second call begins on both at once. In the third the clocks are off: no more than all of
  // it.
  CHECK(waits[0] == std::vector<Wait>{{0, 15, 1}, {2, 10, 1}});
  CHECK(waits[1] == std::vector<Wait>{});
}

TEST_CASE("nothing is said of broadcasts and sums in flight") {
  const auto waits = find_waits(std::vector<RankTrace>{
      rank_with({call(2, 50, 90, Activity::collective, Collective::broadcast),
                 call(3, 100, 120, Activity::start), call(3, 200, 220, Activity::finish)}),
      rank_with({call(2, 60, 90, Activity::collective, Collective::broadcast),
                 call(3, 110, 120, Activity::start), call(3, 210, 220, Activity::finish)})});
  CHECK(waits[0].empty());
  CHECK(waits[1].empty());
}

TEST_CASE("nothing is said either where some ranks of the group have dropped the call") {
  std::vector<RankTrace> ranks = {rank_with({call(1, 10, 40)}), rank_with({call(1, 25, 41)}),
                                  rank_with({})};
  for (RankTrace& rank : ranks) rank.groups[0].size = 3;
  for (const auto& waits : find_waits(ranks)) CHECK(waits.empty());
  ranks[2].spans.push_back(call(1, 20, 41));
  CHECK(find_waits(ranks)[2] == std::vector<Wait>{{0, 5, 1}});
}

TEST_CASE("groups of one name and calls of one number are told apart by the group's id") {
  RankTrace other = rank_with({call(1, 30, 40)});
  other.groups[0].id.index = 2;
  const auto waits = find_waits(std::vector<RankTrace>{rank_with({call(1, 10, 40)}), other});
  CHECK(waits[0].empty());
}

// --- All ranks ---------------------------------------------------------------------------------

RANKS_TEST_CASE("on one clock all ranks are in a barrier at one instant", "1-6") {
  Tracer tracer(world);
  ProcessGroup group = world.split(0, -world.rank(), "part");
  constexpr int barriers = 30;
  for (int i = 0; i < barriers; ++i) group.barrier();
  const std::vector<RankTrace> ranks = tracer.collect();
  if (world.rank() != 0) {
    CHECK(ranks.empty());
    return;
  }
  REQUIRE(std::ssize(ranks) == world.size());
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> common;  // by number: begin, end
  for (const RankTrace& rank : ranks) {
    CHECK(rank.dropped == 0);
    CHECK_FALSE(rank.host.empty());
    REQUIRE(rank.spans.size() == barriers);
    for (const SpanRecord& span : rank.spans) {
      CHECK(rank.groups[span.group].name == "part");
      const auto [at, is_new] = common.try_emplace(span.number, span.begin, span.end);
      if (is_new) continue;
      at->second.first = std::max(at->second.first, span.begin);
      at->second.second = std::min(at->second.second, span.end);
    }
  }
  CHECK(common.size() == barriers);
  for (const auto& [number, both] : common) CHECK(both.first <= both.second);
}

RANKS_TEST_CASE("each rank's newest spans arrive, more of them than travel at once", "1-3") {
  Tracer tracer(world, 5000 * static_cast<std::size_t>(world.size()));
  for (int i = 0; i < 6000; ++i) const Span span = world.span(Activity::loss, i);
  const std::vector<RankTrace> ranks = tracer.collect();
  for (const RankTrace& rank : ranks) {
    CHECK(rank.dropped == 1000);
    REQUIRE(rank.spans.size() == 5000);
    for (std::size_t i = 0; i < rank.spans.size(); ++i) {
      if (rank.spans[i].number == static_cast<std::int64_t>(i) + 1000) continue;
      FAIL_CHECK("span " << i << " has number " << rank.spans[i].number);
      break;
    }
  }
}

// --- The file ----------------------------------------------------------------------------------

RANKS_TEST_CASE("the file has each rank's spans, under names that JSON can hold", "1-3") {
  const std::string path = harness::temporary_folder(world) / "trace.json";
  const Traffic before = world.traffic(Collective::all_reduce);
  Tracer tracer(world);
  {
    const Span step = world.span(Activity::step, 41);
    const AccountScope scope = world.charge(world.account("a \"layer\"\\\n"), Phase::forward);
    const Span product = world.span(Activity::product);
    world.all_reduce(1.0);
  }
  const std::int64_t bytes = (world.traffic(Collective::all_reduce) - before).bytes_sent;
  const std::vector<RankTrace> ranks = tracer.collect();
  if (world.rank() != 0) return;
  write_trace(path, ranks);
  const Json trace = Json::parse(read_file(path));
  CHECK(trace["otherData"]["ranks"].size() == ranks.size());
  std::map<int, std::vector<std::string>> names;
  for (const Json& event : events_of(trace, "X")) {
    if (event["cat"] != "wait") names[event["pid"]].push_back(event["name"]);
    CHECK(event["ts"] >= 0);
    CHECK(event["dur"] >= 0);
    if (event["cat"] != "collective") continue;
    CHECK(event["args"]["group"] == "world");
    CHECK(event["args"]["bytes sent"] == bytes);
  }
  CHECK(std::ssize(names) == world.size());
  for (const auto& [rank, of_rank] : names)
    CHECK(of_rank == std::vector<std::string>{"step 41", "a \"layer\"\\\n forward product",
                                              "a \"layer\"\\\n forward all-reduce"});
  int processes = 0;
  for (const Json& event : events_of(trace, "M")) {
    if (event["name"] != "process_name") continue;
    CHECK(event["args"]["name"] == "rank " + std::to_string(processes));
    CHECK(event["pid"] == ++processes);
  }
  CHECK(processes == world.size());
}

TEST_CASE("times are exact to the nanosecond, from the first span on") {
  const Json trace = written({rank_with({call(1, 5'000'000'000'001, 5'000'000'001'003)}),
                              rank_with({call(1, 5'000'000'000'061, 5'000'000'001'005)})});
  const std::vector<Json> events = events_of(trace, "X");
  REQUIRE(events.size() == 3);
  CHECK(events[0]["ts"].dump() == "0.0");
  CHECK(events[0]["dur"].dump() == "1.002");
  CHECK(events[1]["name"] == "wait for rank 1");
  CHECK(events[1]["ts"] == events[0]["ts"]);
  CHECK(events[1]["dur"].dump() == "0.06");
  CHECK(events[2]["ts"].dump() == "0.06");
  CHECK(events[2]["dur"].dump() == "0.944");
}

TEST_CASE("what was started is in flight until its own finish, in a row that is free") {
  const Json trace =
      written({rank_with({call(0, 5, 8, Activity::finish),  // its start was dropped
                          call(1, 10, 12, Activity::start), call(2, 20, 23, Activity::start),
                          call(2, 30, 31, Activity::progress), call(1, 40, 50, Activity::finish),
                          call(3, 60, 61, Activity::start), call(2, 62, 64, Activity::finish),
                          call(3, 70, 90, Activity::finish), call(4, 95, 96, Activity::start)})});
  std::vector<int> rows;
  std::vector<std::array<double, 3>> flights;  // number, begin and end in nanoseconds
  for (const Json& event : events_of(trace, "X")) {
    if (event["cat"] != "in flight") continue;
    const double begin = event["ts"], length = event["dur"];
    flights.push_back({event["args"]["number"], 5 + std::round(1000 * begin),
                       5 + std::round(1000 * (begin + length))});
    rows.push_back(event["tid"]);
  }
  CHECK(flights == std::vector<std::array<double, 3>>{{1, 10, 50}, {2, 20, 64}, {3, 60, 90}});
  CHECK(rows.size() == 3);
  CHECK(rows[0] == rows[2]);
  CHECK(std::set<int>{1, rows[0], rows[1]}.size() == 3);
}

TEST_CASE("the file says what was dropped and how far clocks are apart") {
  RankTrace far = rank_with({call(1, 10, 12)});
  far.dropped = 17;
  far.clock_at_start = {.lowest = 1'234'000, .highest = 1'236'000, .at = 5};
  far.clock_at_end = {.lowest = -901'001, .highest = -899'001, .at = 9};
  const Json trace = written({rank_with({}), far});
  CHECK(trace["otherData"]["ranks"][1]["dropped spans"] == 17);
  CHECK(trace["otherData"]["ranks"][1]["clock ahead of rank 0 at the start"]["highest ns"] ==
        1'236'000);
  std::vector<std::string> labels;
  for (const Json& event : events_of(trace, "M"))
    if (event["name"] == "process_labels") labels.push_back(event["args"]["labels"]);
  CHECK(labels == std::vector<std::string>{"here",
                                           "here, clock -900.001us ahead of rank 0 (+-1.000us), "
                                           "17 older spans dropped"});
}

TEST_CASE("a run without spans makes a file too, and one that can't be written is refused") {
  CHECK(events_of(written({rank_with({})}), "X").empty());
  const std::string path = harness::temporary_folder() / "missing" / "trace.json";
  CHECK(lacking(error_of([&] { write_trace(path, std::vector<RankTrace>{}); }), {path}) == "");
}
