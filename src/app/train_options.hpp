// The options of `colonnade train mlp`, and those of them that other commands share.
#pragma once

#include <CLI/CLI.hpp>

#include "app/options.hpp"

namespace colonnade::app {

void add_model_options(CLI::App& command, MlpOptions& model);
void add_loss_options(CLI::App& command, LossOptions& loss);
void add_parallel_options(CLI::App& command, MlpOptions& model, ParallelOptions& parallel);
/// How a batch becomes a step: --batch, --accumulate, --clip.
void add_step_options(CLI::App& command, TrainerOptions& trainer, double& clip);
/// --math.
void add_math_option(CLI::App& command, Math& math);
void add_train_options(CLI::App& command, TrainOptions& train);

}  // namespace colonnade::app
