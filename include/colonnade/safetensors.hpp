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
/// Scalar, and into the metadata a checksum of each. Every element must be on exactly one rank: for
/// a tensor that several ranks hold, all but one pass an empty block. The file appears whole or not
/// at all: on any error, all ranks throw it and an older file at `path` is untouched. A number that
/// is not finite is an error, for nobody could load it again. Collective.
void save_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices, Metadata metadata = {});

enum class OtherTensors { refuse, ignore };

/// Reads this rank's slices, from F32 or F64. Slices of several ranks may overlap. The file must
/// hold these tensors in these shapes, and no others unless they are to be ignored; that is checked
/// before any data is touched. Refused by name, after which the contents of `data` are undefined,
/// are a number that is not finite as a Scalar; and a tensor whose checksum the file holds and what
/// was read doesn't have. That can be told where each of its elements is on as many ranks as every
/// other, and not of a tensor that is read in part. On any error, all ranks throw it. Collective.
void load_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices,
                      OtherTensors others = OtherTensors::refuse);

}  // namespace colonnade::inline COLONNADE_PRECISION
