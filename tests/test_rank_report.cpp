#include "app/rank_report.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "colonnade/step_profile.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "harness.hpp"

using namespace colonnade;

namespace {

std::vector<MeshShape> meshes(int ranks) {
  if (ranks % 2 != 0) return {{1, ranks}};
  return {{1, ranks}, {2, ranks / 2}};
}

}  // namespace

RANKS_TEST_CASE("the phases of every rank make up its step", "1-4") {
  for (const MeshShape shape : meshes(world.size())) {
    auto timeline = std::make_shared<Timeline>(1 << 14);
    world.record(timeline);
    Mesh mesh(world, shape);
    TrainingJob job(mesh, {.model = {.widths = {6, 9, 5}}, .mesh = shape}, {});
    TrainingStep step(job.model(), job.loss(), job.optimizer(), job.data_parallel());
    for (int i = 0; i < 3; ++i) {
      const Span span = mesh.tp().span(Activity::step, i + 1);
      step.begin(4 * shape.dp, 1, i);
      step.add(Tensor::zeros(4, 6), Tensor::zeros(4, 5), 4 * mesh.dp().rank());
      step.finish();
    }
    world.record(nullptr);
    const app::RankReport report = app::report_of_ranks(mesh, *timeline);
    CHECK(report.peak_memory.size() == static_cast<std::size_t>(world.size()));
    CHECK(*std::min_element(report.peak_memory.begin(), report.peak_memory.end()) > 1 << 20);
    CHECK(report.steps == 2);  // of three, the half nearest the median
    REQUIRE(report.seconds.size() == static_cast<std::size_t>(world.size()));
    const StepProfile own = profile_steps(mesh, *timeline);
    const auto& mine = report.seconds[static_cast<std::size_t>(world.rank())];
    CHECK(mine.size() == report.phases.size());
    CHECK(std::abs(std::accumulate(mine.begin(), mine.end(), 0.0) - own.seconds) <=
          1e-9 + 1e-6 * own.seconds);
    const auto of = [&](const std::string& phase) {
      const auto at = std::find(report.phases.begin(), report.phases.end(), phase);
      REQUIRE(at != report.phases.end());
      return mine[static_cast<std::size_t>(at - report.phases.begin())];
    };
    CHECK(of("product") > 0);
    CHECK(of("update") > 0);
    CHECK(of("rest") == own.rest);
  }
}

RANKS_TEST_CASE("without a whole step there is memory alone", "1-3") {
  Mesh mesh(world, {1, world.size()});
  const Timeline timeline(4);
  const app::RankReport report = app::report_of_ranks(mesh, timeline);
  CHECK(report.steps == 0);
  CHECK(report.phases.empty());
  CHECK(report.seconds.empty());
  CHECK(report.peak_memory.size() == static_cast<std::size_t>(world.size()));
}
