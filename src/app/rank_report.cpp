#include "app/rank_report.hpp"

#include <algorithm>

#include "colonnade/device.hpp"

namespace colonnade::app {

namespace {

/// The first and the last of the activities that a step contains.
constexpr int first_phase = static_cast<int>(Activity::batch);
constexpr int last_phase = static_cast<int>(Activity::finish);
constexpr std::size_t activities = last_phase - first_phase + 1;

}  // namespace

std::vector<std::string> phases_of_a_step() {
  std::vector<std::string> phases;
  for (int i = first_phase; i <= last_phase; ++i)
    phases.emplace_back(to_string(static_cast<Activity>(i)));
  phases.insert(phases.end(), {"waiting", "rest"});
  return phases;
}

std::vector<double> seconds_by_phase(const StepProfile& profile) {
  std::vector<double> seconds(activities + 2);
  for (const ProfileLine& line : profile.lines) {
    seconds[static_cast<std::size_t>(static_cast<int>(line.activity) - first_phase)] +=
        line.seconds;
    seconds[activities] += line.waiting;
  }
  seconds.back() = profile.rest;
  return seconds;
}

RankReport report_of_ranks(Mesh& mesh, const Timeline& timeline) {
  ProcessGroup& world = mesh.world();
  RankReport report;
  report.peak_memory = world.all_gather(static_cast<std::int64_t>(peak_memory()));
  // A ring that is too short for a step is no reason to end a training.
  const bool has_step = !recorded_steps(timeline.records(), timeline.dropped() == 0).empty();
  if (world.all_reduce(std::int64_t{has_step}, Reduction::min) == 0) return report;

  const StepProfile profile = profile_steps(mesh, timeline);
  const std::vector<double> own = seconds_by_phase(profile);
  report.steps = profile.steps;
  report.phases = phases_of_a_step();
  std::vector<double> all(own.size() * static_cast<std::size_t>(world.size()));
  const auto at = [&](int rank) {
    return all.begin() + static_cast<std::ptrdiff_t>(own.size()) * rank;
  };
  std::copy(own.begin(), own.end(), at(world.rank()));
  world.all_reduce(std::span(all));
  for (int rank = 0; rank < world.size(); ++rank) {
    report.seconds.emplace_back(at(rank), at(rank + 1));
  }
  return report;
}

}  // namespace colonnade::app
