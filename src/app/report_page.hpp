// The page of `colonnade report`: template, charts and numbers, as one file that needs no network.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/log_reader.hpp"

namespace colonnade::app {

struct NamedRun {
  std::string name;  // unlike any other's on the page
  LoggedRun run;
};

/// A chart of more points would be no clearer, only longer: each then is the mean of several steps.
inline constexpr std::size_t most_points = 1500;

/// The numbers of the page, as JSON.
std::string report_data(const std::vector<NamedRun>& runs);

std::string report_page(const std::vector<NamedRun>& runs);

/// The shortest ends of paths that tell these files apart, in the same order. A path that is given
/// twice gets a number.
std::vector<std::string> names_of_runs(const std::vector<std::string>& paths);

}  // namespace colonnade::app
