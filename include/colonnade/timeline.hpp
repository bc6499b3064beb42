// What a rank did and when: a span of time for each product, each collective and each other part of
// a step, kept in a ring of fixed size. Attached to a process group (ProcessGroup::record), which
// everything that computes a step has at hand; where none is attached a span costs a branch.
//
// Where ops return before they are done, on a GPU, a look at the clock first waits for them: a span
// is then the time that its ops take, and the program asks for the next ones later than it would.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "colonnade/fingerprint.hpp"
#include "colonnade/ticks.hpp"

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
  start,            // the call that starts a collective, which then is in flight
  progress,         // lets what is in flight get on
  finish,           // waits for the first of it: the part that computing has not hidden
};
std::string_view to_string(Activity activity);

/// A group as the timelines of all its ranks know it: by the same `id`, which no other has.
struct RecordedGroup {
  struct Id {
    int first_rank = 0;  // the group's first, by its rank in the world
    int index = 0;       // among the groups of that rank
    auto operator<=>(const Id&) const = default;
  };
  std::string name;
  Id id = {};
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

/// Of one rank, whose thread alone uses it. After its construction it allocates only where a group
/// or an account is new.
class Timeline {
 public:
  /// Keeps the `capacity` newest spans, 40 bytes each; at least one.
  explicit Timeline(std::size_t capacity);

  /// Before a look at the clock: returns when this thread's ops are done.
  void settle() const {
    if (ops_return_early_) wait_for_ops();
  }

  /// Spans that are kept, in the order in which they ended.
  std::vector<SpanRecord> records() const;
  /// Spans that were recorded, but are kept no more.
  std::int64_t dropped() const;

  const std::vector<std::string>& sites() const { return sites_; }
  const std::vector<RecordedGroup>& groups() const { return groups_; }

 private:
  friend class ProcessGroup;
  friend class Span;

  std::uint16_t site(std::string_view name);
  std::uint16_t add_group(RecordedGroup group);

  /// Looks at the clock. Never before the last look, whatever the processor does with the order of
  /// what it computes: so spans nest and none ends before it begins.
  std::int64_t look() {
    settle();
    return last_look_ = std::max(last_look_, ticks());
  }
  std::int64_t last_look() const { return last_look_; }

  /// A span begins: what ends before it does is nested in it.
  void begin() { ++depth_; }
  void end(SpanRecord& record) {
    --depth_;
    record.end = look();
    keep(record);
  }
  /// A span that has nothing nested in it, by looks of the caller's.
  void add(SpanRecord record) {
    record.begin = std::max(last_look_, record.begin);
    record.end = last_look_ = std::max(record.begin, record.end);
    keep(record);
  }

  void keep(SpanRecord& record) {
    record.depth = depth_;
    ring_[next_] = record;
    if (++next_ == ring_.size()) begin_round();
  }
  void begin_round();
  static void wait_for_ops() noexcept;

  const bool ops_return_early_ = !host_reaches_device_memory();
  std::vector<SpanRecord> ring_;  // with times in ticks
  std::size_t next_ = 0;          // the place of the next record
  std::int64_t last_look_ = 0;
  std::uint8_t depth_ = 0;
  std::int64_t rounds_ = 0;    // how often the ring was filled
  ClockAnchor older_, newer_;  // what the ring holds ended after the first of them
  std::vector<std::string> sites_ = {""};
  std::vector<RecordedGroup> groups_;
};

/// What a rank does until the end of the scope; ProcessGroup::span makes it.
class [[nodiscard]] Span {
 public:
  /// Of a group that nobody records.
  Span() = default;
  /// From now on, or from the timeline's last look at the clock.
  enum class Begin { now, at_last_look };
  Span(Timeline& timeline, Begin begin, Activity activity, Phase phase, std::uint16_t site,
       std::uint16_t group, std::int64_t number)
      : timeline_(&timeline) {
    timeline.begin();
    record_.number = number;
    record_.site = site;
    record_.group = group;
    record_.activity = activity;
    record_.phase = phase;
    record_.begin = begin == Begin::now ? timeline.look() : timeline.last_look();
  }
  ~Span() {
    if (timeline_ != nullptr) timeline_->end(record_);
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  Timeline* timeline_ = nullptr;
  SpanRecord record_;
};

}  // namespace colonnade
