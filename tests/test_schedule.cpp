#include "colonnade/schedule.hpp"

#include <cmath>
#include <string>

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("schedules") {
  const Schedule constant{ScheduleKind::constant, 4, 100};
  CHECK(constant.factor(0) == 0.25);
  CHECK(constant.factor(3) == 1);
  CHECK(constant.factor(99) == 1);

  const Schedule cosine{ScheduleKind::cosine, 10, 110};
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
  const Schedule schedule{ScheduleKind::cosine, 10, 5};
  CHECK(schedule.factor(4) == 0.5);
}
