// What a rank did and when: a span of time for each product, each collective and each other part of
// a step, kept in a ring of fixed size, and their sums by activity. Attached to a process group
// (ProcessGroup::record), which everything that computes a step has at hand; where none is attached
// a span costs a branch.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "colonnade/fingerprint.hpp"

namespace colonnade {

/// What a rank does. The first three contain others, which nest in them.
enum class Activity : std::uint8_t {
  step,             // an optimizer step, from its batch to its update
  evaluation,       // of the test set
  save,             // of a model file or a checkpoint
  batch,            // fetching samples
  zero_gradients,   // before a step
  product,          // Z = X W, in backward again where it is recomputed
  input_gradient,   // the product dX = dZ W^T
  weight_gradient,  // the product dW += X^T dZ
  activation,       // with bias and dropout, both ways
  loss,             // both ways
  accumulation,     // of gradients of micro-batches along the tree
  norm,             // squares of the gradients
  update,           // of the parameters
  collective,       // a call that returns when it is done
  start,            // the call that starts a sum, which then is in flight
  progress,         // lets the sums in flight get on
  finish,           // waits for them: the part of them that computing has not hidden
};
inline constexpr std::size_t activity_count = 17;
std::string_view to_string(Activity activity);

/// A group as the timelines of all its ranks know it: by the same `id`, which no other has.
struct RecordedGroup {
  std::string name;
  std::int64_t id = 0;
  int size = 0;
};

/// A span of a rank's time. No pointers and no gaps: ranks send its bytes.
struct SpanRecord {
  std::int64_t begin = 0;  // in nanoseconds of this rank's steady clock
  std::int64_t end = 0;
  std::int64_t number = 0;      // of a step; of a collective among those of its group, from 1
  std::int64_t bytes_sent = 0;  // as Traffic counts them
  std::uint16_t site = 0;       // for whom: index in Timeline::sites()
  std::uint16_t group = 0;      // index in Timeline::groups()
  Activity activity = Activity::step;
  Phase phase = Phase::none;
  Collective kind = Collective::barrier;  // where the activity is a call of a collective
  std::uint8_t depth = 0;                 // how many spans it lies in
};
static_assert(sizeof(SpanRecord) == 40);

/// All spans of one activity.
struct ActivityTotal {
  std::int64_t count = 0;
  std::int64_t nanoseconds = 0;  // without what nests in it: these add up to the time recorded
  std::int64_t bytes_sent = 0;
};
using ActivityTotals = std::array<ActivityTotal, activity_count>;
/// What came between two looks at totals().
ActivityTotals operator-(const ActivityTotals& after, const ActivityTotals& before);

/// Of one rank, whose thread alone uses it. After its construction it allocates only where a group
/// or an account is new.
class Timeline {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Keeps the `capacity` newest spans, 40 bytes each; at least one.
  explicit Timeline(std::size_t capacity);

  /// Spans that are kept, in the order in which they ended.
  std::vector<SpanRecord> records() const;
  /// Spans that were recorded, but are kept no more.
  std::int64_t dropped() const;
  /// Of all spans that have ended, kept or not.
  const ActivityTotals& totals() const { return totals_; }

  const std::vector<std::string>& sites() const { return sites_; }
  const std::vector<RecordedGroup>& groups() const { return groups_; }

 private:
  friend class ProcessGroup;
  friend class Span;

  static std::int64_t nanoseconds_of(Time time) {
    return std::chrono::nanoseconds(time.time_since_epoch()).count();
  }
  std::uint16_t site(std::string_view name);
  std::uint16_t add_group(RecordedGroup group);

  /// A span begins: what ends before it does is nested in it. Returns what end() wants back.
  std::int64_t begin() {
    ++depth_;
    return std::exchange(nested_, 0);
  }
  void end(SpanRecord record, std::int64_t nested_before) {
    --depth_;
    const std::int64_t inside = std::exchange(nested_, nested_before);
    keep(record, inside);
  }
  /// A span that has nothing nested in it.
  void add(const SpanRecord& record) { keep(record, 0); }

  void keep(SpanRecord record, std::int64_t inside) {
    const std::int64_t nanoseconds = record.end - record.begin;
    nested_ += nanoseconds;
    ActivityTotal& total = totals_[static_cast<std::size_t>(record.activity)];
    ++total.count;
    total.nanoseconds += nanoseconds - inside;
    total.bytes_sent += record.bytes_sent;
    record.depth = depth_;
    ring_[next_] = record;
    if (++next_ == ring_.size()) {
      next_ = 0;
      ++rounds_;
    }
  }

  std::vector<SpanRecord> ring_;
  std::size_t next_ = 0;     // the place of the next record
  std::int64_t rounds_ = 0;  // how often the ring was filled
  ActivityTotals totals_{};
  std::int64_t nested_ = 0;  // nanoseconds of the spans that ended inside the one that is open
  std::uint8_t depth_ = 0;
  std::vector<std::string> sites_ = {""};
  std::vector<RecordedGroup> groups_;
};

/// What a rank does until the end of the scope; ProcessGroup::span makes it.
class [[nodiscard]] Span {
 public:
  /// Of a group that nobody records.
  Span() = default;
  Span(Timeline& timeline, Activity activity, Phase phase, std::uint16_t site, std::uint16_t group,
       std::int64_t number)
      : timeline_(&timeline), nested_before_(timeline.begin()) {
    record_.number = number;
    record_.site = site;
    record_.group = group;
    record_.activity = activity;
    record_.phase = phase;
    record_.begin = Timeline::nanoseconds_of(std::chrono::steady_clock::now());
  }
  ~Span() {
    if (timeline_ == nullptr) return;
    record_.end = Timeline::nanoseconds_of(std::chrono::steady_clock::now());
    timeline_->end(record_, nested_before_);
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  Timeline* timeline_ = nullptr;
  std::int64_t nested_before_ = 0;
  SpanRecord record_;
};

}  // namespace colonnade
