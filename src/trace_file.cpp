// A trace as the JSON that Chrome's tracing and Perfetto read: a process for each rank, in it a row
// for what the rank does and some for what each group has in flight.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "colonnade/file.hpp"
#include "colonnade/trace.hpp"
#include "colonnade/version.hpp"

namespace colonnade {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Microseconds are the format's unit; with three decimals nothing is rounded, so that spans nest.
std::string microseconds(std::int64_t nanoseconds) {
  const std::string thousandths = std::to_string(nanoseconds % 1000);
  return std::to_string(nanoseconds / 1000) + '.' + std::string(3 - thousandths.size(), '0') +
         thousandths;
}

// Perfetto takes process 0 and thread 0 for Linux's idle ones: both are counted from 1.
constexpr int work_row = 1;
int process_of(int rank) {
  return rank + 1;
}

/// A slice of a rank's time, in one of its rows.
struct Slice {
  int rank = 0;
  int row = work_row;
  std::int64_t begin = 0;  // nanoseconds
  std::int64_t end = 0;
  std::string name;
  std::string_view category;
  Json arguments = Json::object();
};

class EventFile {
 public:
  /// Times are counted from `zero` on.
  EventFile(const std::string& path, const Json& metadata, std::int64_t zero)
      : replacement_(path), zero_(zero) {
    text_ = R"({"displayTimeUnit":"ns","otherData":)" + dump(metadata) + R"(,"traceEvents":[)";
  }

  /// A fact about a process, or about a row of it, under one of the format's names.
  void name(int rank, int row, const std::string& what, const Json& arguments) {
    add(dump({{"ph", "M"},
              {"pid", process_of(rank)},
              {"tid", row},
              {"name", what},
              {"args", arguments}}));
  }

  void add(const Slice& slice) {
    std::string event = R"({"ph":"X","pid":)" + std::to_string(process_of(slice.rank)) +
                        R"(,"tid":)" + std::to_string(slice.row) + R"(,"ts":)" +
                        microseconds(slice.begin - zero_) + R"(,"dur":)" +
                        microseconds(slice.end - slice.begin) + R"(,"cat":")";
    event.append(slice.category).append(R"(","name":)").append(dump(slice.name));
    if (!slice.arguments.empty()) event += R"(,"args":)" + dump(slice.arguments);
    add(event + '}');
  }

  void commit() {
    text_ += "\n]}\n";
    write();
    replacement_.commit();
  }

 private:
  void add(const std::string& event) {
    constexpr std::size_t piece = 1 << 20;
    text_ += first_ ? "\n" : ",\n";
    first_ = false;
    text_ += event;
    if (text_.size() >= piece) write();
  }

  void write() {
    replacement_.file().write(written_, std::as_bytes(std::span(text_)));
    written_ += text_.size();
    text_.clear();
  }

  FileReplacement replacement_;
  std::int64_t zero_;
  std::string text_;
  std::uint64_t written_ = 0;
  bool first_ = true;
};

/// `layers.2 backward all-gather`, as the watchdog has it.
std::string name_of(const RankTrace& rank, const SpanRecord& span) {
  std::string name = rank.sites[span.site];
  const auto add = [&](std::string_view word) {
    if (!word.empty()) name.append(name.empty() ? "" : " ").append(word);
  };
  add(to_string(span.phase));
  switch (span.activity) {
    case Activity::step:
      return "step " + std::to_string(span.number);
    case Activity::collective:
      add(to_string(span.kind));
      return name;
    case Activity::start:
      add("start of " + std::string(to_string(span.kind)));
      return name;
    default:
      add(to_string(span.activity));
      return name;
  }
}

bool is_call(const SpanRecord& span) {
  return span.activity >= Activity::collective;
}

Json arguments_of(const RankTrace& rank, const SpanRecord& span) {
  if (!is_call(span)) return Json::object();
  const RecordedGroup& group = rank.groups[span.group];
  Json arguments{
      {"group", group.name}, {"first rank", group.id.first_rank}, {"number", span.number}};
  const bool sends = span.activity == Activity::collective || span.activity == Activity::start;
  if (sends) arguments["bytes sent"] = span.bytes_sent;
  return arguments;
}

/// `clock 12.345us ahead of rank 0 (+-0.400us)`
std::string describe(const ClockOffset& offset) {
  const auto us = [](std::int64_t nanoseconds) {
    return (nanoseconds < 0 ? "-" : "") + microseconds(std::abs(nanoseconds)) + "us";
  };
  return "clock " + us(offset.middle()) + " ahead of rank 0 (+-" +
         us((offset.highest - offset.lowest + 1) / 2) + ")";
}

void add_names(EventFile& file, const RankTrace& rank, int r) {
  file.name(r, work_row, "process_name", {{"name", "rank " + std::to_string(r)}});
  file.name(r, work_row, "process_sort_index", {{"sort_index", r}});
  file.name(r, work_row, "thread_name", {{"name", "work"}});
  std::string label = rank.host;
  const ClockCorrection correction(rank.clock_at_start, rank.clock_at_end);
  if (!correction.is_none()) label += ", " + describe(rank.clock_at_end);
  if (rank.dropped > 0) label += ", " + std::to_string(rank.dropped) + " older spans dropped";
  file.name(r, work_row, "process_labels", {{"labels", label}});
}

/// What was started first is finished first, so that what is in flight at once overlaps and doesn't
/// nest: each goes into the first of the group's rows that is free.
class Flights {
 public:
  Flights(EventFile& file, const RankTrace& rank, int r) : file_(file), rank_(rank), r_(r) {}

  void start(const SpanRecord& span) { started_[span.group].push_back(&span); }

  void finish(const SpanRecord& finish) {
    std::deque<const SpanRecord*>& started = started_[finish.group];
    while (!started.empty() && started.front()->number < finish.number) started.pop_front();
    // Of older spans, which are dropped, the finish alone may be there.
    if (started.empty() || started.front()->number != finish.number) return;
    SpanRecord call = *started.front();
    started.pop_front();
    call.activity = Activity::collective;
    file_.add({r_, free_row(call.group, call.begin, finish.end), call.begin, finish.end,
               name_of(rank_, call), "in flight", arguments_of(rank_, call)});
  }

 private:
  int free_row(std::uint16_t group, std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t>& ends = ends_[group];
    const auto free = std::find_if(ends.begin(), ends.end(),
                                   [=](std::int64_t row_end) { return row_end <= begin; });
    const int lane = static_cast<int>(free - ends.begin());
    const int row = work_row + 1 + group + lane * static_cast<int>(rank_.groups.size());
    if (free == ends.end()) {
      const std::string name = "in flight in " + rank_.groups[group].name;
      file_.name(r_, row, "thread_name",
                 {{"name", lane == 0 ? name : name + ", " + std::to_string(lane + 1)}});
      ends.push_back(end);
    } else {
      *free = end;
    }
    return row;
  }

  EventFile& file_;
  const RankTrace& rank_;
  int r_;
  std::map<std::uint16_t, std::deque<const SpanRecord*>> started_;
  std::map<std::uint16_t, std::vector<std::int64_t>> ends_;  // of what is last in each row
};

void add_flights(EventFile& file, const RankTrace& rank, int r) {
  Flights flights(file, rank, r);
  for (const SpanRecord& span : rank.spans) {
    if (span.activity == Activity::start) flights.start(span);
    if (span.activity == Activity::finish) flights.finish(span);
  }
}

void add_work(EventFile& file, const RankTrace& rank, int r, std::span<const Wait> waits) {
  for (std::size_t i = 0; i < rank.spans.size(); ++i) {
    const SpanRecord& span = rank.spans[i];
    file.add({r, work_row, span.begin, span.end, name_of(rank, span), to_string(span.activity),
              arguments_of(rank, span)});
    if (waits.empty() || waits.front().span != i) continue;
    file.add({r, work_row, span.begin, span.begin + waits.front().nanoseconds,
              "wait for rank " + std::to_string(waits.front().last_rank), "wait"});
    waits = waits.subspan(1);
  }
}

Json metadata_of(std::span<const RankTrace> ranks) {
  Json list = Json::array();
  for (const RankTrace& rank : ranks) {
    const auto clock = [](const ClockOffset& offset) {
      return Json{{"lowest ns", offset.lowest}, {"highest ns", offset.highest}};
    };
    list.push_back({{"host", rank.host},
                    {"spans", rank.spans.size()},
                    {"dropped spans", rank.dropped},
                    {"clock ahead of rank 0 at the start", clock(rank.clock_at_start)},
                    {"clock ahead of rank 0 at the end", clock(rank.clock_at_end)}});
  }
  return {{"colonnade", version}, {"ranks", list}};
}

}  // namespace

void write_trace(const std::string& path, std::span<const RankTrace> ranks) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (const RankTrace& rank : ranks)
    for (const SpanRecord& span : rank.spans) first = std::min(first, span.begin);
  const std::vector<std::vector<Wait>> waits = find_waits(ranks);
  EventFile file(path, metadata_of(ranks), first);
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const int rank = static_cast<int>(r);
    add_names(file, ranks[r], rank);
    add_work(file, ranks[r], rank, waits[r]);
    add_flights(file, ranks[r], rank);
  }
  file.commit();
}

}  // namespace colonnade
