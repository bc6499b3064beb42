#include "colonnade/schedule.hpp"

#include <cmath>
#include <string>

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("schedules") {
  const Schedule constant{.kind = ScheduleKind::constant, .warmup = 4, .steps = 100};
  CHECK(constant.factor(0) == 0.25);
  CHECK(constant.factor(3) == 1);
  CHECK(constant.factor(99) == 1);

  const Schedule cosine{.kind = ScheduleKind::cosine, .warmup = 10, .steps = 110};
  CHECK(cosine.factor(0) == 0.1);
  CHECK(cosine.factor(10) == 1);
  CHECK(std::abs(cosine.factor(60) - 0.5) < 1e-12);
  CHECK(cosine.factor(109) > 0);
  CHECK(cosine.factor(109) < 0.001);
  CHECK(std::abs(cosine.factor(110)) < 1e-12);
  for (std::int64_t step = 10; step < 109; ++step) {
    CHECK(cosine.factor(step + 1) < cosine.factor(step));
  }
  CHECK(schedule_from("cosine") == ScheduleKind::cosine);
  CHECK(to_string(schedule_from("constant")) == "constant");
  CHECK(harness::error_of([] { schedule_from("linear-ish"); }).find("'linear-ish'") !=
        std::string::npos);
}

TEST_CASE("a warmup that outlasts the run still rises") {
  const Schedule schedule{.kind = ScheduleKind::cosine, .warmup = 10, .steps = 5};
  CHECK(schedule.factor(4) == 0.5);
}

TEST_CASE("linear falls along a line and would reach 0 in the step after the last") {
  const Schedule linear{.kind = ScheduleKind::linear, .warmup = 10, .steps = 110};
  CHECK(linear.factor(4) == 0.5);
  CHECK(linear.factor(10) == 1);
  CHECK(std::abs(linear.factor(60) - 0.5) < 1e-12);
  CHECK(std::abs(linear.factor(109) - 0.01) < 1e-12);
  CHECK(linear.factor(110) == 0);
  CHECK(linear.factor(200) == 0);
}

TEST_CASE("warmup-stable-decay rises, stays and falls") {
  Schedule schedule{
      .kind = ScheduleKind::warmup_stable_decay, .warmup = 10, .decay = 20, .steps = 110};
  CHECK(schedule.factor(0) == 0.1);
  for (std::int64_t step = 9; step <= 90; ++step) CHECK(schedule.factor(step) == 1);
  CHECK(std::abs(schedule.factor(91) - 0.95) < 1e-12);
  CHECK(std::abs(schedule.factor(109) - 0.05) < 1e-12);
  CHECK(schedule.factor(110) == 0);
  // More decay than there are steps after the warm-up: all of them fall.
  schedule.decay = 1000;
  CHECK(schedule.factor(10) == 1);
  CHECK(std::abs(schedule.factor(60) - 0.5) < 1e-12);
  CHECK(to_string(schedule_from("warmup-stable-decay")) == "warmup-stable-decay");
  CHECK(to_string(schedule_from("linear")) == "linear");
}
