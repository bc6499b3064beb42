// The arithmetic between what a bench measures and what it reports.
#include "app/bench_result.hpp"

#include <algorithm>

#include "harness.hpp"

using namespace colonnade;
using namespace colonnade::app;

namespace {

ProfileLine computing(Activity activity, double seconds) {
  ProfileLine line;
  line.activity = activity;
  line.seconds = seconds;
  line.calls = 1;
  return line;
}

ProfileLine message(Activity activity, Collective kind, const std::string& group,
                    const std::string& site, double seconds, double waiting, double bytes) {
  ProfileLine line = computing(activity, seconds);
  line.kind = kind;
  line.group = group;
  line.site = site;
  line.waiting = waiting;
  line.bytes_sent = bytes;
  return line;
}

/// 0.5 s at one byte, 4.5 s at five.
MessageLimit limit(const std::string& group, Collective kind, SumOrder order) {
  return {group, {.kind = kind, .order = order, .messages = {{1, 0.5}, {5, 4.5}}, .cost = {}}};
}

/// A step of 100 s: 60 of products in 50, 8 of the optimizer in 4, and messages.
BenchResult planted() {
  BenchResult result;
  result.flops = 500;
  result.limits.fma_rate = 20;
  result.limits.product_seconds = {20, 10, 20};
  result.limits.update_seconds = 4;
  result.limits.messages = {limit("tp", Collective::all_gather, SumOrder::any),
                            limit("tp", Collective::all_reduce, SumOrder::tree)};
  result.profile.seconds = 100;
  result.profile.rest = 13;
  result.profile.lines = {
      computing(Activity::update, 8),
      computing(Activity::product, 22),
      computing(Activity::input_gradient, 13),
      computing(Activity::weight_gradient, 25),
      message(Activity::collective, Collective::all_gather, "tp", "layers.0", 2, 3, 4),
      message(Activity::collective, Collective::all_gather, "tp", "layers.1", 3, 1, 2),
      message(Activity::collective, Collective::all_reduce, "tp", "norm", 1, 2, 8),
      message(Activity::start, Collective::all_reduce, "dp", "layers.0", 1, 0, 80),
      message(Activity::finish, Collective::all_reduce, "dp", "layers.0", 6, 0, 0)};
  return result;
}

const StepPart& find(const std::vector<StepPart>& parts, const std::string& name) {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [&](const StepPart& part) { return part.name == name; });
  if (found == parts.end()) throw Error("no part " + name);
  return *found;
}

}  // namespace

TEST_CASE(
    "the limit of a step is products, optimizer, the cost of its messages and what isn't hidden") {
  const StepLimit limit = limit_of(planted());
  CHECK(limit.products == 50);
  CHECK(limit.update == 4);
  CHECK(limit.communication == doctest::Approx(3.5 + 1.5 + 7.2 + 7));
  CHECK(limit.total() == 54 + limit.communication);
}

TEST_CASE("the parts make up the recorded step") {
  const BenchResult result = planted();
  const std::vector<StepPart> parts = parts_of(result);
  double sum = 0;
  for (const StepPart& part : parts) sum += part.seconds;
  CHECK(sum == doctest::Approx(result.profile.seconds));
  CHECK(find(parts, "waiting for other ranks").seconds == 6);
  CHECK(find(parts, "the rest").seconds == result.profile.rest);
  CHECK(parts.back().name == "the rest");
}

TEST_CASE("each part has the limit of its own kind") {
  const std::vector<StepPart> parts = parts_of(planted());
  CHECK(find(parts, "forward products").limit == 20);
  CHECK(find(parts, "backward-input products").limit == 10);
  CHECK(find(parts, "backward-weight products").limit == 20);
  CHECK(find(parts, "optimizer").limit == 4);
  // Two layers' calls are one row: one of 4 bytes and one of 2.
  const StepPart& gather = find(parts, "all-gather of tp");
  CHECK(gather.seconds == 5);
  CHECK(gather.calls == 2);
  CHECK(gather.limit == 3.5 + 1.5);
  CHECK(*find(parts, "all-reduce of tp, along the tree").limit == doctest::Approx(7.2));
  const StepPart& hidden = find(parts, "all-reduce of dp, in flight");
  CHECK(hidden.seconds == 7);
  CHECK(!hidden.limit);
}

TEST_CASE("the verdict is summed along the tree in either mode, the rest in exact mode alone") {
  Job job;
  CHECK(order_of(job, Collective::all_reduce, "tp", "norm") == SumOrder::tree);
  CHECK(order_of(job, Collective::all_reduce, "dp", "norm") == SumOrder::any);
  CHECK(order_of(job, Collective::reduce_scatter, "tp", "layers.1") == SumOrder::any);
  job.model.shards = 8;
  CHECK(order_of(job, Collective::reduce_scatter, "tp", "layers.1") == SumOrder::tree);
  CHECK(order_of(job, Collective::all_gather, "tp", "layers.1") == SumOrder::any);
}
