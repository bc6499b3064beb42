// Spans of what a rank does: the ring that keeps them, how they nest and add up, and that a group
// records what it counts.
#include <algorithm>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "colonnade/timeline.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

namespace {

void record_steps(Timeline& timeline, std::int64_t count) {
  for (std::int64_t step = 0; step < count; ++step) {
    const Span span(timeline, Activity::step, Phase::none, 0, 0, step);
  }
}

std::vector<std::int64_t> numbers_of(const std::vector<SpanRecord>& records) {
  std::vector<std::int64_t> numbers;
  for (const SpanRecord& record : records) numbers.push_back(record.number);
  return numbers;
}

const ActivityTotal& total(const ActivityTotals& totals, Activity activity) {
  return totals[static_cast<std::size_t>(activity)];
}

std::int64_t sum_of(const ActivityTotals& totals) {
  return std::accumulate(
      totals.begin(), totals.end(), std::int64_t{0},
      [](std::int64_t sum, const ActivityTotal& total) { return sum + total.nanoseconds; });
}

std::int64_t length(const SpanRecord& span) {
  return span.end - span.begin;
}

}  // namespace

TEST_CASE("a ring keeps the newest spans, in order, and counts those that it drops") {
  for (const auto& example : {std::pair<std::int64_t, std::vector<std::int64_t>>{0, {}},
                              {3, {0, 1, 2}},
                              {4, {0, 1, 2, 3}},
                              {5, {1, 2, 3, 4}},
                              {8, {4, 5, 6, 7}},
                              {11, {7, 8, 9, 10}}}) {
    const std::int64_t steps = example.first;
    CAPTURE(steps);
    Timeline timeline(4);
    record_steps(timeline, steps);
    CHECK(numbers_of(timeline.records()) == example.second);
    CHECK(timeline.dropped() == std::max<std::int64_t>(0, steps - 4));
    CHECK(total(timeline.totals(), Activity::step).count == steps);
  }
}

TEST_CASE("a ring has at least one place") {
  Timeline timeline(0);
  record_steps(timeline, 3);
  CHECK(numbers_of(timeline.records()) == std::vector<std::int64_t>{2});
}

TEST_CASE("spans nest, and their times without what nests in them add up to the outermost") {
  Timeline timeline(10);
  {
    const Span step(timeline, Activity::step, Phase::none, 0, 0, 1);
    {
      const Span loss(timeline, Activity::loss, Phase::none, 0, 0, 0);
      const Span inner(timeline, Activity::norm, Phase::none, 0, 0, 0);
    }
    const Span update(timeline, Activity::update, Phase::none, 0, 0, 0);
  }
  const std::vector<SpanRecord> records = timeline.records();
  REQUIRE(records.size() == 4);
  const SpanRecord &norm = records[0], &loss = records[1], &update = records[2], &step = records[3];
  CHECK(norm.depth == 2);
  CHECK(loss.depth == 1);
  CHECK(update.depth == 1);
  CHECK(step.depth == 0);
  CHECK(step.begin <= loss.begin);
  CHECK(loss.begin <= norm.begin);
  CHECK(norm.end <= loss.end);
  CHECK(loss.end <= update.begin);
  CHECK(update.end <= step.end);

  const ActivityTotals& totals = timeline.totals();
  CHECK(total(totals, Activity::norm).nanoseconds == length(norm));
  CHECK(total(totals, Activity::loss).nanoseconds == length(loss) - length(norm));
  CHECK(total(totals, Activity::step).nanoseconds == length(step) - length(loss) - length(update));
  CHECK(sum_of(totals) == length(step));
}

TEST_CASE("the difference of two looks at the totals is what came between them") {
  Timeline timeline(2);
  record_steps(timeline, 3);
  const ActivityTotals before = timeline.totals();
  record_steps(timeline, 4);
  const ActivityTotals between = timeline.totals() - before;
  CHECK(total(between, Activity::step).count == 4);
  CHECK(sum_of(between) == sum_of(timeline.totals()) - sum_of(before));
}

RANKS_TEST_CASE("a group records each call with the bytes that it counts", "1-5") {
  const auto timeline = std::make_shared<Timeline>(100);
  world.barrier();
  world.record(timeline);
  std::vector<double> numbers(12), own(1);
  std::vector<double> all(static_cast<std::size_t>(world.size()));
  const Sharding cut(world.size(), world.size(), "numbers");
  {
    const AccountScope scope = world.charge(world.account("layers.3"), Phase::backward);
    world.all_gather(std::span(all), cut.ranges());
    world.reduce_scatter(std::span<const double>(all), std::span(own), cut.ranges());
  }
  world.broadcast(std::span(numbers), 0);
  world.start_all_reduce(std::span(numbers));
  world.progress();
  world.finish();

  std::array<Traffic, collective_count> recorded{};
  std::vector<Activity> activities;
  std::vector<std::int64_t> numbers_after_first;
  for (const SpanRecord& span : timeline->records()) {
    Traffic& traffic = recorded[static_cast<std::size_t>(span.kind)];
    activities.push_back(span.activity);
    const bool is_new = span.activity == Activity::collective || span.activity == Activity::start;
    traffic += {is_new ? 1 : 0, span.bytes_sent, 1e-9 * static_cast<double>(length(span))};
    numbers_after_first.push_back(span.number - timeline->records().front().number);
    const bool in_layer =
        span.kind == Collective::all_gather || span.kind == Collective::reduce_scatter;
    CHECK(timeline->sites()[span.site] == (in_layer ? "layers.3" : ""));
    CHECK(span.phase == (in_layer ? Phase::backward : Phase::none));
    CHECK(timeline->groups()[span.group].size == world.size());
  }
  CHECK(activities == std::vector{Activity::collective, Activity::collective, Activity::collective,
                                  Activity::start, Activity::progress, Activity::finish});
  CHECK(numbers_after_first == std::vector<std::int64_t>{0, 1, 2, 3, 3, 3});
  for (const Collective kind : {Collective::all_gather, Collective::reduce_scatter,
                                Collective::all_reduce, Collective::broadcast}) {
    CAPTURE(to_string(kind));
    const Traffic& got = recorded[static_cast<std::size_t>(kind)];
    CHECK(got.calls == world.traffic(kind).calls);
    CHECK(got.bytes_sent == world.traffic(kind).bytes_sent);
    CHECK(std::abs(got.seconds - world.traffic(kind).seconds) <= 1e-12);
  }
  CHECK(recorded[static_cast<std::size_t>(Collective::barrier)].calls == 0);  // it was before
}

RANKS_TEST_CASE("recording is no traffic, and ends when it is told to", "1-4") {
  const auto timeline = std::make_shared<Timeline>(100);
  world.record(timeline);
  CHECK(world.total_traffic().calls == 0);
  world.barrier();
  world.record(nullptr);
  world.barrier();
  { const Span span = world.span(Activity::step); }
  CHECK(timeline->records().size() == 1);
}

RANKS_TEST_CASE("the ranks of a group know it by one id, and no other group by the same", "1-6") {
  const auto timeline = std::make_shared<Timeline>(100);
  world.record(timeline);
  ProcessGroup half = world.split(world.rank() % 2, 0, "half");
  ProcessGroup quarter = half.split(half.rank() % 2, 0, "quarter");
  ProcessGroup again = half.split(half.rank() % 2, 0, "quarter");
  quarter.barrier();
  const std::uint16_t last_group = timeline->records().back().group;
  const std::vector<RecordedGroup>& groups = timeline->groups();
  REQUIRE_ALL(world, groups.size() == 4);
  CHECK(groups[0].name == "world");
  CHECK(groups[1].name == "half");
  CHECK(groups[2].size == quarter.size());
  CHECK(last_group == 2);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    CAPTURE(g);
    // Colors that told the world's ranks apart tell their groups apart.
    const auto color = std::array{0, world.rank() % 2, world.rank() % 4, world.rank() % 4}[g];
    const auto [first_rank, index] = groups[g].id;
    const auto ids = world.all_gather(std::int64_t{100 * first_rank + index});
    const auto colors = world.all_gather(std::int64_t{color});
    for (std::size_t r = 0; r < ids.size(); ++r)
      CHECK((ids[r] == 100 * first_rank + index) == (colors[r] == color));
  }
  const std::set<RecordedGroup::Id> ids = {groups[0].id, groups[1].id, groups[2].id, groups[3].id};
  CHECK(ids.size() == 4);
}

RANKS_TEST_CASE("a step records each of its parts, and no time is lost", "1-4") {
  const auto timeline = std::make_shared<Timeline>(1000);
  world.record(timeline);
  Mesh mesh(world, {1, world.size()});
  TrainingJob job(mesh, {.model = {.widths = {5, 8, 7, 6}}, .mesh = mesh.shape()}, {});
  const MatrixDataset data(random_matrix(5, 12, "x"), random_matrix(6, 12, "t"), "x", "t");
  Trainer trainer(job, data, nullptr, {.batch = 4});
  const ActivityTotals before = timeline->totals();
  trainer.run();
  const ActivityTotals totals = timeline->totals() - before;
  constexpr std::int64_t steps = 3, layers = 3;
  for (const auto& expected : {std::pair{Activity::step, std::int64_t{1}},
                               {Activity::batch, 1},
                               {Activity::zero_gradients, 1},
                               {Activity::product, layers},
                               {Activity::input_gradient, layers - 1},
                               {Activity::weight_gradient, layers},
                               {Activity::activation, 2 * layers},
                               {Activity::loss, 2},
                               {Activity::norm, 1},
                               {Activity::update, 1},
                               {Activity::collective, layers + (layers - 1) + 1},
                               {Activity::save, 0},
                               {Activity::evaluation, 0}}) {
    CAPTURE(to_string(expected.first));
    CHECK(total(totals, expected.first).count == steps * expected.second);
  }
  Traffic traffic = mesh.tp().total_traffic();
  CHECK(total(totals, Activity::collective).bytes_sent == traffic.bytes_sent);
  std::int64_t in_steps = 0;
  std::vector<std::int64_t> step_numbers;
  for (const SpanRecord& span : timeline->records()) {
    if (span.activity != Activity::step) continue;
    in_steps += length(span);
    step_numbers.push_back(span.number);
  }
  CHECK(step_numbers == std::vector<std::int64_t>{1, 2, 3});
  CHECK(sum_of(totals) == in_steps);
}

RANKS_TEST_CASE("the products of every layer are recorded in its name, forward and backward",
                "2 3") {
  const auto timeline = std::make_shared<Timeline>(1000);
  world.record(timeline);
  ProcessGroup group = world.split(0, 0);
  Mlp model(group, {.widths = {5, 8, 6}, .layout = Layout::pair, .recompute = true});
  AdamW optimizer(model.parameters(), {});
  training_step(model, optimizer, random_matrix(4, 5, "x"), Tensor::zeros(4, 6));
  std::multiset<std::string> names;
  for (const SpanRecord& span : timeline->records()) {
    if (span.activity > Activity::activation || span.activity < Activity::product) continue;
    names.insert(timeline->sites()[span.site] + " " + std::string(to_string(span.phase)) + " " +
                 std::string(to_string(span.activity)));
  }
  // The last layer has no activation, so that it recomputes nothing.
  CHECK(names == std::multiset<std::string>{
                     "layers.0 backward activation", "layers.0 backward activation",
                     "layers.0 backward product", "layers.0 backward weight gradient",
                     "layers.0 forward activation", "layers.0 forward product",
                     "layers.1 backward activation", "layers.1 backward input gradient",
                     "layers.1 backward weight gradient", "layers.1 forward activation",
                     "layers.1 forward product"});
}
