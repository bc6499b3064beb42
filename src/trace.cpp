#include "colonnade/trace.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace colonnade {

using Json = nlohmann::json;

namespace {

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

Json to_json(const ClockOffset& offset) {
  return {offset.lowest, offset.highest, offset.at};
}
ClockOffset clock_offset_from(const Json& json) {
  return {json[0], json[1], json[2]};
}

/// All but the spans, as text that can be sent.
std::string describe(const RankTrace& rank) {
  Json groups = Json::array();
  for (const RecordedGroup& group : rank.groups)
    groups.push_back({group.name, group.id.first_rank, group.id.index, group.size});
  return Json{{"sites", rank.sites},
              {"groups", groups},
              {"dropped", rank.dropped},
              {"host", rank.host},
              {"start", to_json(rank.clock_at_start)},
              {"end", to_json(rank.clock_at_end)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

RankTrace trace_from(const std::string& text) {
  const Json json = Json::parse(text);
  RankTrace rank;
  rank.sites = json["sites"];
  for (const Json& group : json["groups"])
    rank.groups.push_back({group[0], {group[1], group[2]}, group[3]});
  rank.dropped = json["dropped"];
  rank.host = json["host"];
  rank.clock_at_start = clock_offset_from(json["start"]);
  rank.clock_at_end = clock_offset_from(json["end"]);
  return rank;
}

/// Gives rank 0 the `size` spans of `speaker`. There is no message from one rank to another: all
/// get them, a piece at a time, and the others forget them.
void bring_to_rank_0(ProcessGroup& world, std::vector<SpanRecord>& spans, std::size_t size,
                     int speaker) {
  constexpr std::size_t piece = 4096;
  const bool keeps = world.rank() == 0 || world.rank() == speaker;
  if (world.rank() == 0) spans.resize(size);
  std::vector<SpanRecord> forgotten(keeps ? 0 : std::min(piece, size));
  for (std::size_t begin = 0; begin < size; begin += piece) {
    const std::size_t count = std::min(piece, size - begin);
    SpanRecord* const records = keeps ? spans.data() + begin : forgotten.data();
    world.broadcast(std::span(reinterpret_cast<char*>(records), count * sizeof(SpanRecord)),
                    speaker);
  }
}

/// The last rank to call a collective, and how many have.
struct Arrival {
  std::int64_t last = 0;
  int last_rank = 0;
  int ranks = 0;
};

bool has_wait(const SpanRecord& span) {
  return span.activity == Activity::collective && span.kind != Collective::broadcast;
}

}  // namespace

std::vector<std::vector<Wait>> find_waits(std::span<const RankTrace> ranks) {
  std::map<std::pair<RecordedGroup::Id, std::int64_t>, Arrival> arrivals;  // by group and number
  const auto arrival_of = [&](const RankTrace& rank, const SpanRecord& span) -> Arrival& {
    return arrivals[{rank.groups[span.group].id, span.number}];
  };
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    for (const SpanRecord& span : ranks[r].spans) {
      if (!has_wait(span)) continue;
      Arrival& arrival = arrival_of(ranks[r], span);
      if (arrival.ranks++ == 0 || span.begin > arrival.last) {
        arrival.last = span.begin;
        arrival.last_rank = static_cast<int>(r);
      }
    }
  }
  std::vector<std::vector<Wait>> waits(ranks.size());
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    for (std::size_t i = 0; i < ranks[r].spans.size(); ++i) {
      const SpanRecord& span = ranks[r].spans[i];
      if (!has_wait(span)) continue;
      const Arrival& arrival = arrival_of(ranks[r], span);
      const std::int64_t wait = std::min(arrival.last, span.end) - span.begin;
      const bool all_known = arrival.ranks == ranks[r].groups[span.group].size;
      if (all_known && wait > 0) waits[r].push_back({i, wait, arrival.last_rank});
    }
  }
  return waits;
}

Tracer::Tracer(ProcessGroup& world, std::size_t spans)
    : world_(&world),
      at_start_(measure_clock_offset(world)),
      timeline_(std::make_shared<Timeline>(spans / static_cast<std::size_t>(world.size()))) {
  world.record(timeline_);
}

std::vector<RankTrace> Tracer::collect() {
  world_->record(nullptr);
  RankTrace own{.spans = timeline_->records(),
                .sites = timeline_->sites(),
                .groups = timeline_->groups(),
                .dropped = timeline_->dropped(),
                .host = host_name(),
                .clock_at_start = at_start_,
                .clock_at_end = measure_clock_offset(*world_)};
  const ClockCorrection to_rank_0(own.clock_at_start, own.clock_at_end);
  for (SpanRecord& span : own.spans) {
    span.begin = to_rank_0(span.begin);
    span.end = to_rank_0(span.end);
  }
  std::stable_sort(own.spans.begin(), own.spans.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.depth) < std::pair(b.begin, b.depth);
  });
  const auto sizes = world_->all_gather(static_cast<std::int64_t>(own.spans.size()));
  const std::vector<std::string> descriptions = gather_text(*world_, describe(own));
  std::vector<RankTrace> ranks;
  if (world_->rank() == 0) ranks.push_back(std::move(own));
  for (int speaker = 1; speaker < world_->size(); ++speaker) {
    const auto s = static_cast<std::size_t>(speaker);
    RankTrace theirs = trace_from(descriptions[s]);
    const bool is_own = speaker == world_->rank();
    bring_to_rank_0(*world_, is_own ? own.spans : theirs.spans, static_cast<std::size_t>(sizes[s]),
                    speaker);
    if (world_->rank() == 0) ranks.push_back(std::move(theirs));
  }
  return ranks;
}

}  // namespace colonnade
