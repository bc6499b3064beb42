#include "colonnade/timeline.hpp"

#include <algorithm>
#include <type_traits>

#include "colonnade/error.hpp"

namespace colonnade {

static_assert(std::has_unique_object_representations_v<SpanRecord>);

std::string_view to_string(Activity activity) {
  switch (activity) {
    case Activity::step:
      return "step";
    case Activity::evaluation:
      return "evaluation";
    case Activity::save:
      return "save";
    case Activity::batch:
      return "batch";
    case Activity::zero_gradients:
      return "zero gradients";
    case Activity::product:
      return "product";
    case Activity::input_gradient:
      return "input gradient";
    case Activity::weight_gradient:
      return "weight gradient";
    case Activity::activation:
      return "activation";
    case Activity::loss:
      return "loss";
    case Activity::accumulation:
      return "accumulation";
    case Activity::norm:
      return "norm";
    case Activity::update:
      return "update";
    case Activity::collective:
      return "collective";
    case Activity::start:
      return "start";
    case Activity::progress:
      return "progress";
    case Activity::finish:
      return "finish";
  }
  return "";
}

Timeline::Timeline(std::size_t capacity)
    : ring_(std::max<std::size_t>(capacity, 1)), older_(look_at_both_clocks()), newer_(older_) {
  look();
}

// What went wrong on the device the next op says: here an exception may be on its way already.
void Timeline::wait_for_ops() noexcept {
  try {
    finish_device_work();
  } catch (const Error&) {
  }
}

// The clocks are laid side by side once a round, so that a line between two anchors is short, but
// not so short that the error of an anchor tells.
void Timeline::begin_round() {
  constexpr std::int64_t apart = 10'000'000;
  next_ = 0;
  ++rounds_;
  const ClockAnchor now = look_at_both_clocks();
  if (now.nanoseconds - newer_.nanoseconds < apart) return;
  older_ = newer_;
  newer_ = now;
}

std::vector<SpanRecord> Timeline::records() const {
  const auto oldest = ring_.begin() + static_cast<std::ptrdiff_t>(next_);
  std::vector<SpanRecord> records;
  if (rounds_ > 0) records.assign(oldest, ring_.end());
  records.insert(records.end(), ring_.begin(), oldest);
  const TickConversion nanoseconds({older_, newer_, look_at_both_clocks()});
  for (SpanRecord& record : records) {
    record.begin = nanoseconds(record.begin);
    record.end = nanoseconds(record.end);
  }
  return records;
}

std::int64_t Timeline::dropped() const {
  if (rounds_ == 0) return 0;
  return (rounds_ - 1) * std::ssize(ring_) + static_cast<std::int64_t>(next_);
}

std::uint16_t Timeline::site(std::string_view name) {
  const auto found = std::find(sites_.begin(), sites_.end(), name);
  const auto index = static_cast<std::uint16_t>(found - sites_.begin());
  if (found == sites_.end()) sites_.emplace_back(name);
  return index;
}

std::uint16_t Timeline::add_group(RecordedGroup group) {
  groups_.push_back(std::move(group));
  return static_cast<std::uint16_t>(groups_.size() - 1);
}

}  // namespace colonnade
