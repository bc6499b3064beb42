#include "app/bench_result.hpp"

#include <algorithm>

namespace colonnade::app {

SumOrder order_of(const Job& job, Collective kind, const std::string& group,
                  const std::string& account) {
  if (kind == Collective::all_gather) return SumOrder::any;
  const bool is_verdict = group == "tp" && account == "norm";  // along the tree in either mode
  return job.model.shards > 0 || is_verdict ? SumOrder::tree : SumOrder::any;
}

namespace {

/// The activities of computing, in the order of a step, and what bounds them.
struct Computing {
  Activity activity;
  const char* name;
};
constexpr std::array computing = {Computing{Activity::batch, "fetching the batch"},
                                  Computing{Activity::zero_gradients, "zeroing gradients"},
                                  Computing{Activity::product, "forward products"},
                                  Computing{Activity::input_gradient, "backward-input products"},
                                  Computing{Activity::weight_gradient, "backward-weight products"},
                                  Computing{Activity::activation, "activation"},
                                  Computing{Activity::loss, "loss"},
                                  Computing{Activity::accumulation, "adding micro-batches"},
                                  Computing{Activity::norm, "gradient norm"},
                                  Computing{Activity::update, "optimizer"}};

std::optional<double> limit_of(Activity activity, const MachineLimits& limits) {
  const auto product = [&](Product kind) {
    return limits.product_seconds[static_cast<std::size_t>(kind)];
  };
  switch (activity) {
    case Activity::product:
      return product(Product::forward);
    case Activity::input_gradient:
      return product(Product::backward_input);
    case Activity::weight_gradient:
      return product(Product::backward_weight);
    case Activity::update:
      return limits.update_seconds;
    default:
      return std::nullopt;
  }
}

std::string name_of(const ProfileLine& line, SumOrder order) {
  std::string name = std::string(to_string(line.kind)) + " of " + line.group;
  if (line.activity != Activity::collective) return name + ", in flight";
  return order == SumOrder::tree ? name + ", along the tree" : name;
}

std::optional<double> limit_of(const ProfileLine& line, SumOrder order,
                               const MachineLimits& limits) {
  if (line.activity != Activity::collective) return std::nullopt;  // computing hides its part
  for (const MessageLimit& message : limits.messages) {
    if (message.group == line.group && message.measured.kind == line.kind &&
        message.measured.order == order) {
      return line.calls * interpolate(message.measured.messages, line.bytes_sent / line.calls);
    }
  }
  return 0;  // one rank: nothing is sent
}

void add(std::vector<StepPart>& parts, StepPart part) {
  const auto same = std::find_if(parts.begin(), parts.end(),
                                 [&](const StepPart& other) { return other.name == part.name; });
  if (same == parts.end()) {
    parts.push_back(std::move(part));
    return;
  }
  same->seconds += part.seconds;
  same->calls += part.calls;
  if (same->limit && part.limit) *same->limit += *part.limit;
}

}  // namespace

StepLimit limit_of(const BenchResult& result) {
  StepLimit limit;
  for (const double seconds : result.limits.product_seconds) limit.products += seconds;
  limit.update = result.limits.update_seconds;
  for (const ProfileLine& line : result.profile.lines) {
    if (!line.is_message()) continue;
    const SumOrder order = order_of(result.job, line.kind, line.group, line.site);
    limit.communication += limit_of(line, order, result.limits).value_or(line.seconds);
  }
  return limit;
}

std::vector<StepPart> parts_of(const BenchResult& result) {
  std::vector<StepPart> parts;
  double waiting = 0;
  double rest = result.profile.seconds;
  for (const auto& [activity, name] : computing) {
    for (const ProfileLine& line : result.profile.lines) {
      if (line.activity != activity) continue;
      add(parts, {name, line.seconds, line.calls, limit_of(activity, result.limits)});
      rest -= line.seconds;
    }
  }
  for (const ProfileLine& line : result.profile.lines) {
    if (!line.is_message()) continue;
    const SumOrder order = order_of(result.job, line.kind, line.group, line.site);
    add(parts,
        {name_of(line, order), line.seconds, line.calls, limit_of(line, order, result.limits)});
    waiting += line.waiting;
    rest -= line.seconds + line.waiting;
  }
  add(parts, {"waiting for other ranks", waiting});
  add(parts, {"the rest", rest});
  return parts;
}

}  // namespace colonnade::app
