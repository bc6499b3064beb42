// Where a run writes.
#pragma once

#include "app/options.hpp"

namespace colonnade::app {

/// Finds outputs that can't be written, or would destroy an input or one another, before the work
/// is done; leaves what is there as it is. A run may replace the model that it loaded.
void check_outputs(const TrainOptions& options);

}  // namespace colonnade::app
