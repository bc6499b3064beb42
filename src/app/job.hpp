// From options to the job that they ask for on the ranks at hand.
#pragma once

#include <vector>

#include "app/options.hpp"
#include "colonnade/device.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// Completes the model's and the trainer's options and finds the mesh. Throws, the same on every
/// rank, if options contradict one another or don't fit the number of ranks.
Job resolve_job(MlpOptions model, const LossOptions& loss, const ParallelOptions& parallel,
                double clip, TrainerOptions& trainer, int world_size);

/// Throws, the same on every rank, if options of checkpoints contradict one another. `loads`:
/// whether --load is given.
void check_checkpoint_options(const CheckpointOptions& options, bool loads);

/// Sets in how many parts a batch is overlapped, where `parallel` leaves it open: by how long the
/// messages of this group are, and whether they get on while a rank computes.
void settle_overlap(const ParallelOptions& parallel, const TrainerOptions& trainer,
                    const ProcessGroup& tp, Job& job);

/// The micro-batches that this rank makes of a full batch.
std::vector<Range> full_batch(const Job& job, const TrainerOptions& trainer, int dp_rank);

/// Bytes that this node has.
double present_memory();

/// What a job needs of the memory that its tensors lie in, and who has how much of it: a rank's
/// GPU, or the node for all of its ranks.
struct MemoryNeed {
  double bytes = 0;
  double present = 0;
  std::string who_has;   // `node vm has`
  std::string for_whom;  // `for its ranks`
};
MemoryNeed memory_need(double bytes_a_rank, const Device& device);

/// Refuses a run that this memory can't hold before a page of it is touched: else the system ends
/// the job in the middle, without a word.
void check_memory(double bytes_a_rank, const Device& device);

/// Backend, and cores and threads of each rank, from rank 0. Collective.
void print_devices(ProcessGroup& world, const Device& device);

}  // namespace colonnade::app
