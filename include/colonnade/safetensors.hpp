// Tensors of all ranks to one safetensors file and back. The file is the same for any number of
// ranks; each rank moves its own part only, and none ever holds a whole tensor that it doesn't own.
#pragma once

#include <span>
#include <string>

#include "colonnade/process_group.hpp"
#include "colonnade/safetensors_header.hpp"
#include "colonnade/scalar.hpp"
#include "colonnade/tensor_slice.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Writes the tensors, named the same and in the same order on every rank, as F32 or F64 after
/// Scalar. Every element must be in the block of exactly one rank: for a tensor that several ranks
/// hold, all but one pass an empty block. The file appears whole or not at all: on any error, all
/// ranks throw it and an older file at `path` is untouched. Collective.
void save_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices, const Metadata& metadata = {});

/// Reads this rank's blocks, from F32 or F64. Blocks of several ranks may overlap. The file must
/// hold exactly these tensors in these shapes; that is checked before any data is touched. A number
/// that is not finite as a Scalar is refused by name and index, after which the contents of `data`
/// are undefined. On any error, all ranks throw it. Collective.
void load_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices);

}  // namespace colonnade::inline COLONNADE_PRECISION
