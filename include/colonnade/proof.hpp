// A network's gradients proven on the ranks at hand, in double whatever the build: the function is
// compiled in the double build of the library, which every program of the float build links too.
#pragma once

#include <cstdint>
#include <string>

#include "colonnade/mlp.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

struct GradientProof {
  std::int64_t gradients = 0;      // how many elements were compared, all ranks together
  double against_differences = 0;  // largest error against central differences, see GradientError
  double against_one_rank = 0;     // largest error against the backward of the unsharded network
  std::string farthest;            // the parameter in which the first is largest
  double tolerance = 0;

  /// False for NaN.
  bool holds() const { return against_differences <= tolerance && against_one_rank <= tolerance; }
};

/// Runs forward and backward of mean-square loss with target 0 on `rows` rows of sample data over
/// all ranks, and holds each rank's gradients against two others: central differences of the loss
/// of the whole network on one rank, and that network's own backward. Each rank differentiates
/// by the parameters it owns, so the work divides. Collective; the same answer on all ranks.
GradientProof prove_gradients(ProcessGroup& group, const MlpOptions& options, Index rows);

}  // namespace colonnade
