// Where numbers that are not finite come from: a step that ended with NonFinite, gone through again
// from the data upwards, until the first of them shows.
#pragma once

#include <cstdint>
#include <span>

#include "colonnade/dataset.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// A batch as a rank trains on it.
struct BatchOfRank {
  const Dataset& data;
  std::span<const Index> samples;  // of the whole batch, the same on all ranks
  std::span<const Range> parts;    // of `samples`: this rank's micro-batches
  std::int64_t steps_done = 0;     // before the step
};

/// The error of a step on `batch`, with the step's number and the first number that is not finite
/// on any rank. Looked at in this order: inputs, targets, the parameters, which nothing has
/// changed, the layers' outputs of the same forward once more, the gradient that `error` names.
/// Places count from 0; a parameter's are as PyTorch has them, a weight's [output, input].
/// Collective over the mesh, and every rank gets the same text.
NonFinite explain(const NonFinite& error, TrainingJob& job, const BatchOfRank& batch);

}  // namespace colonnade::inline COLONNADE_PRECISION
