// The checks of `colonnade check` that src/proof/check.cpp puts together; each is collective.
#pragma once

#include <string>

#include "check_tally.hpp"
#include "sample_job.hpp"

static_assert(sizeof(colonnade::Scalar) == 8, "the proof belongs to the double build");

namespace colonnade::inline COLONNADE_PRECISION {

/// The gradients in the job's model, of its first batch, against central differences of the loss of
/// the whole mesh, by `samples` elements of each shard.
CheckLine check_differences(SampleJob& job, const CheckedJob& checked);

/// The adjoint identity of each region that the job's layers use, at their sizes.
CheckLine check_regions(SampleJob& job, const CheckedJob& checked);

/// `layers.1.weight [3, 7]`, counted in the whole tensor, for an element of the own block.
std::string place_of(const Parameter& parameter, Index row, Index col);

/// The largest magnitude of the whole tensor of which `block` is a rank's part; NaN if one is.
double largest_of_all(ProcessGroup& tp, ConstMatrixView block);

}  // namespace colonnade::inline COLONNADE_PRECISION
