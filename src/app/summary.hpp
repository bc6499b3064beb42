// What a training run says before and after it, on rank 0.
#pragma once

#include <optional>

#include "app/training_data.hpp"
#include "colonnade/device.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// What the step reports of a run add up to, on this rank.
struct Totals {
  double seconds = 0;
  Index samples = 0;
  std::int64_t skipped = 0;      // steps
  std::int64_t comparisons = 0;  // of copies, by the sentinel
  Traffic communication;
  bool times_collectives = false;  // whether its seconds are known
  std::optional<Evaluation> test;
};

/// `model: 1,863,690 parameters, cut over 4 ranks, in 2 copies`
void print_model(const Job& job, Index row_blocks, Index parameters);

void print_data(const Data& data);

/// `--dry-run`: what the formulas say about the job, without data, without a model.
void print_dry_run(const Job& job, const TrainerOptions& trainer, const Device& device);

/// After a run of more than a few seconds it measures for some milliseconds what the cores can do,
/// and gives the run's rate as a share of it. Collective.
void print_summary(ProcessGroup& world, const Mlp& model, const Totals& totals);

}  // namespace colonnade::app
