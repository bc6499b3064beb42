// A job proven on the ranks at hand: the same layers, regions, steps and trainer that will train
// it, on sample data, held against central differences, against one rank and against the ledger.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "colonnade/plan.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade {

struct CheckedJob {
  Job job;                      // scalar_bytes is that of the check's own precision
  TrainerOptions trainer = {};  // batch, steps, accumulate, row_blocks and seed count
  Index samples = 3;            // elements of each shard that are differentiated by
};

/// What one check found, over all ranks.
struct CheckLine {
  std::string what;
  std::int64_t numbers = 0;  // that were compared
  double error = 0;          // the largest, NaN if any is
  double bound = 0;
  std::string farthest = {};  // where the error is largest; empty if there is none

  /// False for NaN.
  bool holds() const { return error <= bound; }
};

/// All checks of a job but that of exact mode, in double: central differences, one rank, adjoint
/// identities, ledger. The world must be as large as the job's mesh. Throws, the same on every
/// rank, if the mesh cannot cut the job. Collective; the same answer on all ranks.
std::vector<CheckLine> check_job(ProcessGroup& world, const CheckedJob& checked);

/// check_exact_bits, in double.
CheckLine check_exact_bits_in_double(ProcessGroup& world, const CheckedJob& checked);

inline namespace COLONNADE_PRECISION {

/// Of a job in exact mode: every loss and parameter of a training on the mesh has the same bits as
/// on one rank, in the precision of this build. Collective; the same answer on all ranks.
CheckLine check_exact_bits(ProcessGroup& world, const CheckedJob& checked);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
