// What a training job will send and hold, from the formulas of docs/math.md alone: no layer is
// built and nothing is measured. The program prints it beside what its process groups count, and
// takes a difference for an error.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "colonnade/data_parallel.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/mesh.hpp"
#include "colonnade/mlp.hpp"

namespace colonnade {

struct Job {
  MlpOptions model = {};
  LossOptions loss = {};
  MeshShape mesh = {};
  bool zero1 = false;  // moments cut over data-parallel ranks
  double clip = 0;     // largest norm of all gradients together; 0: unbounded
  Index scalar_bytes = 4;
};

/// How gradients are summed over the job's data-parallel ranks.
GradientSum gradient_sum(const Job& job);

/// One kind of collective of one group, and who asks for it: a layer, the loss, the norm of the
/// gradients, the update.
struct LedgerLine {
  std::string group;  // "tp" or "dp"
  std::string account;
  Collective kind = Collective::barrier;
  std::int64_t calls = 0;
  std::int64_t bytes_sent = 0;  // by this rank; see Traffic

  bool operator==(const LedgerLine&) const = default;
};

/// What a rank sends in one optimizer step over these micro-batches, which judges its gradients and
/// updates: by group, account and kind, in the order of accounts; calls that send nothing, as on
/// one rank, are lines too.
std::vector<LedgerLine> predict_traffic(const Job& job, int tp_rank, int dp_rank,
                                        std::span<const Range> micro_batches);

/// The line of the same group, account and kind as `like`, or null.
const LedgerLine* find_line(const std::vector<LedgerLine>& lines, const LedgerLine& like);

/// What the mesh's groups have counted on this rank so far.
std::vector<LedgerLine> counted_traffic(Mesh& mesh);

/// What `after` has that `before` had not: the traffic of what was done in between.
std::vector<LedgerLine> traffic_between(const std::vector<LedgerLine>& before,
                                        const std::vector<LedgerLine>& after);

/// Whether two ledgers say the same, in whatever order.
bool same_traffic(const std::vector<LedgerLine>& a, const std::vector<LedgerLine>& b);

/// Bytes that a rank must hold in a step, at the least.
struct MemoryPlan {
  double parameters = 0;
  double gradients = 0;
  double moments = 0;
  double activations = 0;  // that forward keeps for backward; input, output and target included
  double total() const { return parameters + gradients + moments + activations; }
};

/// Of a step over these micro-batches. Exact mode keeps a copy of the gradients for each level of
/// their tree above pairs of micro-batches.
MemoryPlan predict_memory(const Job& job, int tp_rank, int dp_rank,
                          std::span<const Range> micro_batches);

}  // namespace colonnade
