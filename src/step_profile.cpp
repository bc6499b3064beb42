#include "colonnade/step_profile.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace colonnade {

std::vector<RecordedStep> recorded_steps(std::span<const SpanRecord> records, bool first_is_whole) {
  std::vector<RecordedStep> steps;
  std::size_t begin = 0;
  bool is_whole = first_is_whole;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const SpanRecord& step = records[i];
    if (step.activity != Activity::step) continue;
    while (begin < i && records[begin].begin < step.begin) ++begin;  // what lay between two steps
    RecordedStep whole{.number = step.number,
                       .nanoseconds = step.end - step.begin,
                       .spans = records.subspan(begin, i - begin)};
    // Spans that ended and whose own parent has not: the latest last.
    std::vector<const SpanRecord*> open;
    const auto nested_in = [&](const SpanRecord& parent) {
      std::int64_t inside = 0;
      for (;
           !open.empty() && open.back()->begin >= parent.begin && open.back()->depth > parent.depth;
           open.pop_back()) {
        inside += open.back()->end - open.back()->begin;
      }
      return inside;
    };
    for (const SpanRecord& span : whole.spans) {
      whole.own.push_back(span.end - span.begin - nested_in(span));
      open.push_back(&span);
    }
    whole.rest = whole.nanoseconds - nested_in(step);
    if (is_whole) steps.push_back(std::move(whole));
    is_whole = true;
    begin = i + 1;
  }
  return steps;
}

namespace {

/// The half of the steps whose times, of the slowest rank, are nearest their median; the same on
/// every rank.
std::vector<RecordedStep> typical(ProcessGroup& world, std::vector<RecordedStep> steps) {
  // Ranks may have kept unlike numbers of them, but the last is the same.
  const auto count = static_cast<std::size_t>(
      world.all_reduce(static_cast<std::int64_t>(steps.size()), Reduction::min));
  if (count == 0) {
    throw Error::agreed("no whole step was recorded; give the timeline room for more spans");
  }
  steps.erase(steps.begin(), steps.end() - static_cast<std::ptrdiff_t>(count));
  std::vector<double> times;
  for (const RecordedStep& step : steps) times.push_back(static_cast<double>(step.nanoseconds));
  world.all_reduce(std::span(times), Reduction::max);
  std::vector<double> sorted = times;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[count / 2];
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(times[a] - median) < std::abs(times[b] - median);
  });
  order.resize((count + 1) / 2);
  std::sort(order.begin(), order.end());
  std::vector<RecordedStep> chosen;
  for (const std::size_t i : order) chosen.push_back(std::move(steps[i]));
  return chosen;
}

/// Nanoseconds of each call of a collective of the group, on the rank that was in it shortest.
/// Collective over the group.
std::vector<double> shortest_calls(ProcessGroup& group, const Timeline& timeline,
                                   std::string_view name, std::span<const RecordedStep> steps) {
  std::vector<double> calls;
  for (const RecordedStep& step : steps) {
    for (const SpanRecord& span : step.spans) {
      if (span.activity != Activity::collective || timeline.groups()[span.group].name != name) {
        continue;
      }
      calls.push_back(static_cast<double>(span.end - span.begin));
    }
  }
  group.all_reduce(std::span(calls), Reduction::min);
  return calls;
}

class Lines {
 public:
  explicit Lines(const Timeline& timeline) : timeline_(&timeline) {}

  ProfileLine& of(const SpanRecord& span) {
    const bool message = span.activity >= Activity::collective;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const SpanRecord& key = keys_[i];
      if (key.activity == span.activity &&
          (!message ||
           (key.group == span.group && key.site == span.site && key.kind == span.kind))) {
        return lines_[i];
      }
    }
    keys_.push_back(span);
    lines_.push_back({.activity = span.activity});
    if (message) {
      lines_.back().group = timeline_->groups()[span.group].name;
      lines_.back().site = timeline_->sites()[span.site];
      lines_.back().kind = span.kind;
    }
    return lines_.back();
  }
  std::vector<ProfileLine>& lines() { return lines_; }

 private:
  const Timeline* timeline_;
  std::vector<SpanRecord> keys_;  // the first of each line
  std::vector<ProfileLine> lines_;
};

}  // namespace

StepProfile profile_steps(Mesh& mesh, const Timeline& timeline) {
  const std::vector<SpanRecord> records = timeline.records();
  const std::vector<RecordedStep> steps =
      typical(mesh.world(), recorded_steps(records, timeline.dropped() == 0));
  const std::vector<double> tp_calls = shortest_calls(mesh.tp(), timeline, "tp", steps);
  const std::vector<double> dp_calls = shortest_calls(mesh.dp(), timeline, "dp", steps);
  auto tp_call = tp_calls.begin(), dp_call = dp_calls.begin();

  StepProfile profile{.steps = std::ssize(steps), .lines = {}};
  const double scale = 1e-9 / static_cast<double>(profile.steps);
  Lines lines(timeline);
  for (const RecordedStep& step : steps) {
    profile.seconds += static_cast<double>(step.nanoseconds) * scale;
    profile.rest += static_cast<double>(step.rest) * scale;
    for (std::size_t i = 0; i < step.spans.size(); ++i) {
      const SpanRecord& span = step.spans[i];
      ProfileLine& line = lines.of(span);
      const auto own = static_cast<double>(step.own[i]);
      double busy = own;
      if (span.activity == Activity::collective) {
        if (line.group == "tp") busy = std::min(own, *tp_call++);
        if (line.group == "dp") busy = std::min(own, *dp_call++);
      }
      line.seconds += busy * scale;
      line.waiting += (own - busy) * scale;
      line.calls += 1 / static_cast<double>(profile.steps);
      line.bytes_sent += static_cast<double>(span.bytes_sent) / static_cast<double>(profile.steps);
    }
  }
  profile.lines = std::move(lines.lines());
  return profile;
}

}  // namespace colonnade
