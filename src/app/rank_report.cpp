#include "app/rank_report.hpp"

#include <algorithm>

#include "colonnade/device.hpp"
#include "colonnade/step_profile.hpp"

namespace colonnade::app {

namespace {

/// Those that a step contains, in the order in which they are declared.
std::vector<Activity> phases_of_a_step() {
  std::vector<Activity> phases;
  for (auto i = static_cast<int>(Activity::batch); i <= static_cast<int>(Activity::finish); ++i)
    phases.push_back(static_cast<Activity>(i));
  return phases;
}

/// Of this rank, one for each phase.
std::vector<double> seconds_of(const StepProfile& profile, const std::vector<Activity>& phases) {
  std::vector<double> seconds(phases.size() + 2);
  for (const ProfileLine& line : profile.lines) {
    const auto phase = std::find(phases.begin(), phases.end(), line.activity);
    seconds[static_cast<std::size_t>(phase - phases.begin())] += line.seconds;
    seconds[phases.size()] += line.waiting;
  }
  seconds.back() = profile.rest;
  return seconds;
}

}  // namespace

RankReport report_of_ranks(Mesh& mesh, const Timeline& timeline) {
  ProcessGroup& world = mesh.world();
  RankReport report;
  report.peak_memory = world.all_gather(static_cast<std::int64_t>(peak_memory()));
  // A ring that is too short for a step is no reason to end a training.
  const bool has_step = !recorded_steps(timeline.records(), timeline.dropped() == 0).empty();
  if (world.all_reduce(std::int64_t{has_step}, Reduction::min) == 0) return report;

  const StepProfile profile = profile_steps(mesh, timeline);
  const std::vector<Activity> phases = phases_of_a_step();
  const std::vector<double> own = seconds_of(profile, phases);
  report.steps = profile.steps;
  for (const Activity phase : phases) report.phases.emplace_back(to_string(phase));
  report.phases.insert(report.phases.end(), {"waiting", "rest"});
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
