// Solutions of chapter 16; exits with 1 if one is wrong.

#include "colonnade/spawn.hpp"
#include "colonnade/trace.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

SpanRecord call_of(std::int64_t begin, std::int64_t end, std::int64_t number) {
  SpanRecord span;
  span.begin = begin;
  span.end = end;
  span.number = number;
  span.activity = Activity::collective;
  span.kind = Collective::all_reduce;
  return span;
}

// Exercise 1: two ranks, two calls, in nanoseconds. Rank 1 comes 40 late to the first, rank 0 then
// 5 late to the second.
bool who_waited() {
  const RecordedGroup both = {.name = "tp", .id = {0, 0}, .size = 2};
  RankTrace a, b;
  a.groups = b.groups = {both};
  a.spans = {call_of(10, 60, 1), call_of(75, 80, 2)};
  b.spans = {call_of(50, 60, 1), call_of(70, 80, 2)};
  const RankTrace ranks[] = {std::move(a), std::move(b)};
  const auto waits = find_waits(ranks);
  return waits[0] == std::vector<Wait>{{0, 40, 1}} && waits[1] == std::vector<Wait>{{1, 5, 0}};
}

// Exercise 2: a span of one's own. It lies in the one around it and has a greater depth.
bool own_span(ProcessGroup& group) {
  Tracer tracer(group);
  {
    const Span outer = group.span(Activity::evaluation);
    const Span inner = group.span(Activity::batch);
  }
  const std::vector<RankTrace> ranks = tracer.collect();
  if (group.rank() != 0) return true;  // all spans are on rank 0
  bool right = ranks.size() == 2;
  for (const RankTrace& rank : ranks) {
    const SpanRecord &outer = rank.spans.at(0), &inner = rank.spans.at(1);
    right &= outer.activity == Activity::evaluation && inner.activity == Activity::batch;
    right &= inner.depth == outer.depth + 1;
    right &= outer.begin <= inner.begin && inner.end <= outer.end;
  }
  return right;
}

}  // namespace

int main() {
  bool fine = check("1: each waited for the other once", who_waited());
  spawn(2, [&](ProcessGroup& group) {
    const bool right = check(group, "2: a span of one's own is in the trace", own_span(group));
    if (group.rank() == 0) fine &= right;
  });
  return fine ? 0 : 1;
}
