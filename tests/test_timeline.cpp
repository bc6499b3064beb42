// Spans of what a rank does: the ring that keeps them, how they nest and when they were, and that a
// group records what it counts.
#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "colonnade/ops.hpp"
#include "colonnade/step_profile.hpp"
#include "colonnade/timeline.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

namespace {

void record_steps(Timeline& timeline, std::int64_t count) {
  for (std::int64_t step = 0; step < count; ++step) {
    const Span span(timeline, Span::Begin::now, Activity::step, Phase::none, 0, 0, step);
  }
}

std::vector<std::int64_t> numbers_of(const std::vector<SpanRecord>& records) {
  std::vector<std::int64_t> numbers;
  for (const SpanRecord& record : records) numbers.push_back(record.number);
  return numbers;
}

std::int64_t count_of(const std::vector<SpanRecord>& records, Activity activity) {
  return std::count_if(records.begin(), records.end(),
                       [=](const SpanRecord& span) { return span.activity == activity; });
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
  }
}

TEST_CASE("a ring has at least one place") {
  Timeline timeline(0);
  record_steps(timeline, 3);
  CHECK(numbers_of(timeline.records()) == std::vector<std::int64_t>{2});
}

TEST_CASE("spans nest") {
  Timeline timeline(10);
  {
    const Span step(timeline, Span::Begin::now, Activity::step, Phase::none, 0, 0, 1);
    {
      const Span loss(timeline, Span::Begin::now, Activity::loss, Phase::none, 0, 0, 0);
      const Span inner(timeline, Span::Begin::now, Activity::norm, Phase::none, 0, 0, 0);
    }
    const Span update(timeline, Span::Begin::now, Activity::update, Phase::none, 0, 0, 0);
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
}

TEST_CASE("times are the steady clock's, in the rounds of the ring that are kept and before") {
  for (const std::size_t capacity : {3, 50, 1000}) {
    CAPTURE(capacity);
    Timeline timeline(capacity);
    std::vector<std::array<std::int64_t, 4>> limits;  // of each span: before and after both ends
    const std::int64_t begin = steady_nanoseconds();
    {
      const Span outer(timeline, Span::Begin::now, Activity::step, Phase::none, 0, 0, 0);
      for (int i = 0; i < 100; ++i) {
        limits.push_back({steady_nanoseconds(), 0, 0, 0});
        {
          const Span span(timeline, Span::Begin::now, Activity::loss, Phase::none, 0, 0, i);
          limits.back()[1] = steady_nanoseconds();
          if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
          limits.back()[2] = steady_nanoseconds();
        }
        limits.back()[3] = steady_nanoseconds();
      }
    }
    limits.push_back({begin, limits[0][0], limits.back()[3], steady_nanoseconds()});
    const std::vector<SpanRecord> records = timeline.records();
    constexpr std::int64_t error = 2000;  // of the anchors, far more than they need
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& limit = limits[limits.size() - records.size() + i];
      CHECK(limit[0] - error <= records[i].begin);
      CHECK(records[i].begin <= limit[1] + error);
      CHECK(limit[2] - error <= records[i].end);
      CHECK(records[i].end <= limit[3] + error);
    }
  }
}

RANKS_TEST_CASE("the next span begins at the end of the last, or where the one around it does",
                "1") {
  const auto timeline = std::make_shared<Timeline>(10);
  world.record(timeline);
  {
    const Span step = world.span(Activity::step);
    { const Span first = world.next_span(Activity::product); }
    { const Span second = world.next_span(Activity::activation); }
    world.barrier();
    const Span third = world.next_span(Activity::loss);
  }
  const std::vector<SpanRecord> records = timeline->records();
  REQUIRE(records.size() == 5);
  CHECK(records[0].begin == records[4].begin);
  CHECK(records[1].begin == records[0].end);
  CHECK(records[2].begin >= records[1].end);
  CHECK(records[3].begin == records[2].end);
  CHECK(records[3].end <= records[4].end);
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
    // The same looks, but spans are rounded to nanoseconds and dated by anchors of the clock.
    const double seconds = world.traffic(kind).seconds;
    CHECK(std::abs(got.seconds - seconds) <= 2e-7 + 0.02 * seconds);
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
  Mesh mesh(world, {1, world.size()});
  TrainingJob job(mesh, {.model = {.widths = {5, 8, 7, 6}}, .mesh = mesh.shape()}, {});
  const MatrixDataset data(random_matrix(5, 12, "x"), random_matrix(6, 12, "t"), "x", "t");
  Trainer trainer(job, data, nullptr, {.batch = 4, .gradients = UsedGradients::keep});
  mesh.tp().record(timeline);
  trainer.run();
  const std::vector<SpanRecord> records = timeline->records();
  constexpr std::int64_t steps = 3, layers = 3;
  // Where product and activation are one op, the last layer alone has an activation by itself.
  const std::int64_t activations = (fuses_activation() ? 1 : layers) + layers;
  for (const auto& expected : {std::pair{Activity::step, std::int64_t{1}},
                               {Activity::batch, 1},
                               {Activity::zero_gradients, 1},
                               {Activity::product, layers},
                               {Activity::input_gradient, layers - 1},
                               {Activity::weight_gradient, layers},
                               {Activity::activation, activations},
                               {Activity::loss, 2},
                               {Activity::norm, 1},
                               {Activity::update, 1},
                               {Activity::collective, layers + (layers - 1) + 1},
                               {Activity::save, 0},
                               {Activity::evaluation, 0}}) {
    CAPTURE(to_string(expected.first));
    CHECK(count_of(records, expected.first) == steps * expected.second);
  }
  std::int64_t bytes_sent = 0;
  std::vector<std::int64_t> step_numbers;
  for (const SpanRecord& span : records) {
    if (span.activity == Activity::collective) bytes_sent += span.bytes_sent;
    if (span.activity == Activity::step) step_numbers.push_back(span.number);
  }
  CHECK(bytes_sent == mesh.tp().total_traffic().bytes_sent);
  CHECK(step_numbers == std::vector<std::int64_t>{1, 2, 3});
  for (const RecordedStep& step : recorded_steps(records, true)) {
    CHECK(step.rest >= 0);
    for (const std::int64_t own : step.own) CHECK(own >= 0);
    CHECK(std::accumulate(step.own.begin(), step.own.end(), step.rest) == step.nanoseconds);
  }
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
