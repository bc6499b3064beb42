// From options to the job that they ask for on the ranks at hand.
#pragma once

#include "app/options.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// Completes the model's and the trainer's options and finds the mesh. Throws, the same on every
/// rank, if options contradict one another or don't fit the number of ranks.
Job resolve_job(MlpOptions model, const LossOptions& loss, const ParallelOptions& parallel,
                TrainerOptions& trainer, int world_size);

/// How gradients are summed over the job's data-parallel ranks.
GradientSum gradient_sum(const Job& job);

}  // namespace colonnade::app
