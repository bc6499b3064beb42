// Spans that are planted, and what a profile makes of them.
#include "colonnade/step_profile.hpp"

#include <chrono>
#include <memory>
#include <thread>

#include "harness.hpp"
#include "stepping_job.hpp"

using namespace colonnade;

namespace {

SpanRecord span(Activity activity, std::int64_t begin, std::int64_t end, std::uint8_t depth) {
  SpanRecord record;
  record.begin = begin;
  record.end = end;
  record.activity = activity;
  record.depth = depth;
  record.number = activity == Activity::step ? begin : 0;
  return record;
}

/// A step from 100 to 200: a loss of 40 with a collective of 10 and another of 5 inside, and an
/// update of 20. What nests comes before what it nests in.
const std::vector<SpanRecord> one_step = {
    span(Activity::collective, 115, 125, 2), span(Activity::collective, 130, 135, 2),
    span(Activity::loss, 110, 150, 1), span(Activity::update, 160, 180, 1),
    span(Activity::step, 100, 200, 0)};

}  // namespace

TEST_CASE("a span's own time is without what nests in it, and all make up the step") {
  const std::vector<RecordedStep> steps = recorded_steps(one_step, true);
  REQUIRE(steps.size() == 1);
  const RecordedStep& step = steps.front();
  CHECK(step.number == 100);
  CHECK(step.nanoseconds == 100);
  CHECK(step.own == std::vector<std::int64_t>{10, 5, 25, 20});
  CHECK(step.rest == 40);
}

TEST_CASE("what lies between steps belongs to none, and a step without its beginning is left out") {
  std::vector<SpanRecord> records = one_step;
  records.push_back(span(Activity::save, 210, 290, 0));
  for (SpanRecord record : one_step) {
    record.begin += 200;
    record.end += 200;
    record.number += 200;
    records.push_back(record);
  }
  records.push_back(span(Activity::collective, 410, 420, 1));  // of a step that has not ended
  const std::vector<RecordedStep> all = recorded_steps(records, true);
  REQUIRE(all.size() == 2);
  CHECK(all[1].spans.size() == 4);
  CHECK(all[1].own == all[0].own);
  CHECK(all[1].rest == all[0].rest);
  const std::vector<RecordedStep> whole = recorded_steps(records, false);
  REQUIRE(whole.size() == 1);
  CHECK(whole[0].nanoseconds == 100);
  CHECK(whole[0].number == 300);
}

RANKS_TEST_CASE("a profile has all of a step, with each product and each message", "1-4") {
  for (const MeshShape shape : harness::meshes(world.size())) {
    CAPTURE(to_string(shape));
    Mesh mesh(world, shape);
    auto timeline = std::make_shared<Timeline>(4096);
    mesh.tp().record(timeline);
    mesh.dp().record(timeline);
    constexpr int steps = 5;
    for (int step = 0; step < steps; ++step) {
      const Span whole = mesh.tp().span(Activity::step, step);
      const Span update = mesh.tp().span(Activity::update);
      mesh.tp().all_reduce(1.0);
      mesh.dp().all_reduce(1.0);
      mesh.dp().all_reduce(1.0);
    }
    mesh.tp().record(nullptr);
    mesh.dp().record(nullptr);
    const StepProfile profile = profile_steps(mesh, *timeline);
    CHECK(profile.steps == 3);  // that half of them which is typical
    double sum = profile.rest;
    for (const ProfileLine& line : profile.lines) sum += line.seconds + line.waiting;
    CHECK(sum == doctest::Approx(profile.seconds));
    double tp_calls = 0, dp_calls = 0;
    for (const ProfileLine& line : profile.lines) {
      if (line.group == "tp") tp_calls += line.calls;
      if (line.group == "dp") dp_calls += line.calls;
      CHECK(line.waiting >= 0);
      CHECK(line.is_message() == (line.activity == Activity::collective));
    }
    CHECK(tp_calls == doctest::Approx(1));
    CHECK(dp_calls == doctest::Approx(2));
  }
}

RANKS_TEST_CASE("in a collective all ranks are busy alike, and who came last has not waited",
                "2-3") {
  Mesh mesh(world, {1, world.size()});
  auto timeline = std::make_shared<Timeline>(1024);
  mesh.tp().record(timeline);
  {
    const Span whole = mesh.tp().span(Activity::step);
    if (world.rank() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    mesh.tp().all_reduce(1.0);
  }
  mesh.tp().record(nullptr);
  const StepProfile profile = profile_steps(mesh, *timeline);
  REQUIRE_ALL(world, profile.lines.size() == 1);
  const ProfileLine& line = profile.lines.front();
  CHECK(world.all_reduce(line.waiting, Reduction::min) == 0);
  CHECK(world.all_reduce(line.seconds, Reduction::min) ==
        world.all_reduce(line.seconds, Reduction::max));
  CHECK(line.seconds > 0);
  CHECK(line.seconds + line.waiting <= profile.seconds);
}

RANKS_TEST_CASE("without a recorded step there is no profile", "1-2") {
  Mesh mesh(world, {1, world.size()});
  const Timeline timeline(16);
  CHECK_THROWS_WITH_AS(profile_steps(mesh, timeline), doctest::Contains("no whole step"), Error);
}
