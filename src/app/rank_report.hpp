// What each rank can say of a run so far: where the time of its steps goes, and its memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "colonnade/mesh.hpp"
#include "colonnade/step_profile.hpp"
#include "colonnade/timeline.hpp"

namespace colonnade::app {

struct RankReport {
  std::int64_t steps = 0;                    // over which the times are a mean; 0: there are none
  std::vector<std::string> phases;           // names of activities, then "waiting" and "rest"
  std::vector<std::vector<double>> seconds;  // a step, by rank and phase; they add up to the step
  std::vector<std::int64_t> peak_memory;     // bytes, by rank
};

/// The names that RankReport::phases has.
std::vector<std::string> phases_of_a_step();

/// A number for each of these phases, of one rank.
std::vector<double> seconds_by_phase(const StepProfile& profile);

/// The same on every rank. Times are those of typical steps among the ones that `timeline` still
/// holds, as profile_steps finds them. Collective over the mesh.
RankReport report_of_ranks(Mesh& mesh, const Timeline& timeline);

}  // namespace colonnade::app
