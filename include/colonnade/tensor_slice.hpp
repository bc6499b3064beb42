// A rank's part of a tensor that lies whole in a file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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
///
/// A rank may have a run of the block's elements only, as moments that are cut over data-parallel
/// ranks are; the block then has one or two dimensions.
struct TensorSlice {
  std::string name;
  std::vector<Index> shape;  // of the whole tensor
  std::vector<Range> block;
  Scalar* data = nullptr;              // one number for each element that the rank has
  std::optional<Range> elements = {};  // of the block, in row-major order; none: all of them
};

/// Whether no element is on this rank.
bool is_empty(const TensorSlice& slice);

/// Throws unless names differ, each block lies inside of its shape, elements inside of their block,
/// and data is there.
void check_slices(std::span<const TensorSlice> slices);

/// Throws on all ranks unless they name the same tensors in the same order, and each element of
/// each is on exactly one rank. The slices must have passed check_slices. Collective.
void check_cover(ProcessGroup& group, std::span<const TensorSlice> slices);

/// How many ranks hold each element of each tensor: 0 where that differs from element to element.
/// Throws, and wants slices, as check_cover does. Collective.
std::vector<std::int64_t> count_holders(ProcessGroup& group, std::span<const TensorSlice> slices);

/// A part of a slice that lies together in the file as well as in memory.
struct Run {
  Index in_tensor;  // its first element, counted from the tensor's first
  Index in_data;    // the same, counted from the first of `data`
  Index count;
};

/// Calls `visit` for all runs of a slice, in order.
void for_each_run(const TensorSlice& slice, const std::function<void(Run)>& visit);

}  // namespace colonnade::inline COLONNADE_PRECISION
