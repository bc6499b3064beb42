// A rank's part of a tensor that lies whole in a file.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "colonnade/process_group.hpp"
#include "colonnade/scalar.hpp"
#include "colonnade/shard.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// A block of a tensor, one range for each dimension.
///
///   layers.0.weight [out, in] cut along the outputs:  block {{begin, end}, {0, in}}
///                             cut along the inputs:   block {{0, out}, {begin, end}}
///   layers.0.bias [out]:                              block {{begin, end}}
///   nothing of it on this rank:                       any of the ranges empty
///   one number [] on this rank:                       block {}; where it can be empty, use [1]
///
/// `data` is the block in row-major order, as a file has it; a local weight [in_local, out_local]
/// in column-major order lies in memory like that.
struct TensorSlice {
  std::string name;
  std::vector<Index> shape;  // of the whole tensor
  std::vector<Range> block;
  Scalar* data = nullptr;  // one number for each element of the block
};

/// Throws unless names differ, each block lies inside of its shape, and data is there.
void check_slices(std::span<const TensorSlice> slices);

/// Throws on all ranks unless they name the same tensors in the same order, and each element of
/// each is in the block of exactly one rank. The slices must have passed check_slices. Collective.
void check_cover(ProcessGroup& group, std::span<const TensorSlice> slices);

/// A part of a block that lies together in the file as well as in memory.
struct Run {
  Index in_tensor;  // its first element, counted from the tensor's first
  Index in_block;   // the same, counted from the block's first
  Index count;
};

/// Calls `visit` for all runs of a block, in order.
void for_each_run(const TensorSlice& slice, const std::function<void(Run)>& visit);

}  // namespace colonnade::inline COLONNADE_PRECISION
