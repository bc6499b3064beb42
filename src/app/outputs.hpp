// Where a run writes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/options.hpp"

namespace colonnade::app {

/// What it is for, as errors call it, and where.
using NamedPaths = std::vector<std::pair<std::string, std::string>>;

/// Throws if the output of `option` can't be written, or would destroy one of the files in `taken`.
void check_output(const std::string& option, const std::string& path, const NamedPaths& taken);

/// Finds outputs that can't be written, or would destroy an input or one another, before the work
/// is done; leaves what is there as it is. A run may replace the model that it loaded.
void check_outputs(const TrainOptions& options);

}  // namespace colonnade::app
