// A model's tensors as the slices of them that a rank saves or loads.
#pragma once

#include <string>
#include <vector>

#include "colonnade/mesh.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/tensor_slice.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// This rank's block of a parameter, under PyTorch's name and in PyTorch's shape, or of something
/// of that shape that belongs to it, whose name is the parameter's and `suffix`.
TensorSlice slice_of(const Parameter& parameter, Scalar* data, const std::string& suffix = "");

/// Of ranks that hold the same, all but the first give theirs up: the others of a data-parallel
/// group if `copied` there, and of a tensor-parallel group if the parameter is replicated.
void leave_to_first(Mesh& mesh, const Parameter& parameter, bool copied, TensorSlice& slice);

}  // namespace colonnade::inline COLONNADE_PRECISION
