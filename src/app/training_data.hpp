// The data sets that the options of a run name.
#pragma once

#include <memory>
#include <string>

#include "app/options.hpp"
#include "colonnade/dataset.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade::app {

struct Data {
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> test;  // null if there is none
};

/// Reads them; throws if there are none, or the model's widths don't fit.
Data load_data(const TrainOptions& options);

/// What checkpoints say of the samples to train on. Throws an agreed error if the ranks don't all
/// have the same ones, as where nodes have files of their own. Collective.
std::string common_digest(ProcessGroup& world, const Dataset& dataset);

}  // namespace colonnade::app
