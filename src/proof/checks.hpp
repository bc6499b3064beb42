// The checks of `colonnade check` that src/proof/check.cpp puts together; each is collective.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "check_tally.hpp"
#include "sample_job.hpp"

static_assert(sizeof(colonnade::Scalar) == 8, "the proof belongs to the double build");

namespace colonnade::inline COLONNADE_PRECISION {

/// The gradients in the job's model, of its first batch, against central differences of the loss of
/// the whole mesh, by `samples` elements of each shard.
CheckLine check_differences(SampleJob& job, const CheckedJob& checked);

/// The adjoint identity of each region that the job's layers use, at their sizes.
CheckLine check_regions(SampleJob& job, const CheckedJob& checked);

/// Gradients or values, `tensor` says which, of the job's model against those of the same model on
/// one rank, relative to the largest of a tensor, or to `scale` if that is larger.
CheckLine compare_parameters(SampleJob& job, SampleJob& alone, Tensor Parameter::*tensor,
                             double scale, const std::string& what, double bound);

/// Holds steps to the ledger: before() and after() around each, then line().
class TrafficCheck {
 public:
  TrafficCheck(Mesh& mesh, const Job& job);
  void before(std::span<const Range> micro_batches);
  void after();
  CheckLine line() const;

 private:
  void hold(const std::vector<LedgerLine>& lines, const std::vector<LedgerLine>& others);

  Mesh* mesh_;
  Job job_;
  std::vector<LedgerLine> predicted_;
  std::vector<LedgerLine> before_;
  CheckTally tally_;
};

/// `layers.1.weight [3, 7]`, counted in the whole tensor, for an element of the own block.
std::string place_of(const Parameter& parameter, Index row, Index col);

/// The largest magnitude of the whole tensor of which `block` is a rank's part; NaN if one is.
double largest_of_all(ProcessGroup& tp, ConstMatrixView block);

}  // namespace colonnade::inline COLONNADE_PRECISION
