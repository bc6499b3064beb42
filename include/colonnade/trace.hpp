// What all ranks of a job did and when, on one clock, and as a file for ui.perfetto.dev or
// chrome://tracing. docs/tracing.md says how to read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "colonnade/clock_offset.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/timeline.hpp"

namespace colonnade {

/// What one rank recorded.
struct RankTrace {
  std::vector<SpanRecord> spans;   // on rank 0's clock; by begin, outer ones first
  std::vector<std::string> sites;  // what their fields `site` and `group` stand for
  std::vector<RecordedGroup> groups;
  std::int64_t dropped = 0;  // older spans that are not here
  std::string host;
  ClockOffset clock_at_start, clock_at_end;
};

/// A call of a collective in which a rank waited for another to make it too.
struct Wait {
  std::size_t span = 0;          // index among its rank's
  std::int64_t nanoseconds = 0;  // from the call's begin on; its length at most
  int last_rank = 0;             // the one that came last
  bool operator==(const Wait&) const = default;
};

/// The waits of each rank, in the order of their spans. Known where every rank of the group still
/// has the span. Not of a broadcast, where ranks wait for one, nor of what is in flight.
std::vector<std::vector<Wait>> find_waits(std::span<const RankTrace> ranks);

/// Writes the trace as JSON, whole or not at all. Throws where the file can't be written.
void write_trace(const std::string& path, std::span<const RankTrace> ranks);

/// Records what all ranks of a world do, from its construction to collect().
class Tracer {
 public:
  /// So many spans of all ranks make a file of some 40 MB, which a browser takes with ease.
  static constexpr std::size_t comfortable_spans = 1 << 18;

  /// Keeps the newest of each rank's spans, an equal share of `spans` in all. Records in `world`
  /// and the groups that are split from it later. Collective.
  explicit Tracer(ProcessGroup& world, std::size_t spans = comfortable_spans);

  const Timeline& timeline() const { return *timeline_; }

  /// Ends the recording in `world`, and brings all ranks' spans to rank 0; others get nothing.
  /// Collective.
  std::vector<RankTrace> collect();

 private:
  ProcessGroup* world_;
  ClockOffset at_start_;
  std::shared_ptr<Timeline> timeline_;
};

}  // namespace colonnade
