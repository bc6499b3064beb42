// What `colonnade bench` measures, and what follows from it by arithmetic: the limit of a step, and
// the parts of a step against theirs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "colonnade/limits.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/step_profile.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// A collective of a step, as the ledger has it and the machine needs for it.
struct MessageLimit {
  std::string group;  // "tp" or "dp"
  MeasuredCollective measured;
};

/// Rates are those of all ranks together, seconds those of the slowest rank.
struct MachineLimits {
  double fma_rate = 0;                    // operations a second
  std::optional<MemoryRates> memory;      // of arrays beyond all caches
  double memory_bytes = 0;                // of these arrays, on all ranks
  MemoryRates near_memory;                // of arrays as large as gradients, parameters and moments
  double near_bytes = 0;                  // of these, on all ranks
  std::vector<MeasuredProduct> products;  // rank 0's, of one micro-batch
  std::array<double, 3> product_seconds = {};  // of a step, for each kind of Product
  double update_seconds = 0;                   // of a step: the optimizer's bytes at near_memory
  std::vector<MessageLimit> messages;
};

/// Steps as they are, with nothing recorded.
struct StepTimes {
  std::int64_t steps = 0;
  Times seconds;             // of a step, on the slowest rank
  double communication = 0;  // median seconds of rank 0 in collectives, waiting included
};

struct BenchResult {
  Job job;
  TrainerOptions trainer;
  Index parameters = 0;
  double flops = 0;  // of a step's products, all ranks together
  MachineLimits limits;
  StepTimes step;
  StepProfile profile;  // rank 0's
};

/// Seconds that a step would take if it were nothing but these.
struct StepLimit {
  double products = 0;       // at the rate that they have by themselves
  double update = 0;         // the optimizer's bytes at the rate of memory
  double communication = 0;  // its collectives at their cost; of what is in flight, what it took
  double total() const { return products + update + communication; }
};
StepLimit limit_of(const BenchResult& result);

/// A row of the table: a part of the step on rank 0.
struct StepPart {
  std::string name;
  double seconds = 0;
  double calls = 0;                  // a step
  std::optional<double> limit = {};  // seconds that the machine needs for it at least
};

/// All parts; their seconds add up to those of the profile's step. Waiting for other ranks and the
/// rest come last.
std::vector<StepPart> parts_of(const BenchResult& result);

/// In which order a job's ranks add in the collectives of an account.
SumOrder order_of(const Job& job, Collective kind, const std::string& group,
                  const std::string& account);

}  // namespace colonnade::app
