// The data sets that the options of a run name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/options.hpp"
#include "colonnade/agreement.hpp"
#include "colonnade/dataset.hpp"

namespace colonnade::app {

struct Data {
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> test;  // null if there is none
  std::string train_digest;       // 16 hexadecimal digits
  std::string test_digest;
};

/// One text for all samples, those to test included.
std::string digest_of(const Data& data);

/// What all ranks must have alike, wherever each has read it.
std::vector<Fact> facts_of(const Data& data);

/// Reads them; throws if there are none, or the model's widths don't fit.
Data load_data(const TrainOptions& options);

}  // namespace colonnade::app
