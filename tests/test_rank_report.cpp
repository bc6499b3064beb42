#include "app/rank_report.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

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

TEST_CASE("phases add up lines of one activity, and the waiting of all") {
  const StepProfile profile{
      .steps = 1,
      .seconds = 63,
      .rest = 32,
      .lines = {{.activity = Activity::product, .seconds = 1},
                {.activity = Activity::collective, .site = "a", .seconds = 2, .waiting = 4},
                {.activity = Activity::collective, .site = "b", .seconds = 8},
                {.activity = Activity::finish, .seconds = 0, .waiting = 16}}};
  const std::vector<std::string> phases = app::phases_of_a_step();
  const std::vector<double> seconds = app::seconds_by_phase(profile);
  REQUIRE(seconds.size() == phases.size());
  std::map<std::string, double> by_name;
  for (std::size_t i = 0; i < phases.size(); ++i) by_name[phases[i]] = seconds[i];
  CHECK(by_name.size() == phases.size());
  CHECK(by_name["product"] == 1);
  CHECK(by_name["collective"] == 10);
  CHECK(by_name["finish"] == 0);
  CHECK(by_name["waiting"] == 20);
  CHECK(by_name["rest"] == 32);
  CHECK(std::accumulate(seconds.begin(), seconds.end(), 0.0) == profile.seconds);
}

RANKS_TEST_CASE("every rank says where the time of its steps goes", "1-4") {
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
    CHECK(report.phases == app::phases_of_a_step());
    CHECK(report.seconds.size() == static_cast<std::size_t>(world.size()));
    const auto product = std::find(report.phases.begin(), report.phases.end(), "product");
    for (const std::vector<double>& rank : report.seconds) {
      CHECK(rank.size() == report.phases.size());
      CHECK(rank[static_cast<std::size_t>(product - report.phases.begin())] > 0);
    }
    // What it says of one rank, it says on all.
    double first = report.seconds.back().back();
    world.broadcast(std::span(&first, 1), 0);
    CHECK(report.seconds.back().back() == first);
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
