// The data sets that the options of a run name.
#pragma once

#include <memory>

#include "app/options.hpp"
#include "colonnade/dataset.hpp"

namespace colonnade::app {

struct Data {
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> test;  // null if there is none
};

/// Reads them; throws if there are none, or the model's widths don't fit.
Data load_data(const TrainOptions& options);

}  // namespace colonnade::app
