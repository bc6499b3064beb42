// A model's tensors as the slices of them that a rank saves or loads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "colonnade/mesh.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/tensor_slice.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Slices for a file to be written from, or read to. Where the program doesn't reach device memory
/// they are of copies, which are as large as all of them together.
class ModelSlices {
 public:
  enum class For { save, load };
  explicit ModelSlices(For purpose) : purpose_(purpose) {}

  /// Adds this rank's block of a parameter, under PyTorch's name and in PyTorch's shape, or of
  /// something of that shape that belongs to it, whose name is the parameter's and `suffix`. The
  /// numbers must outlive it.
  TensorSlice& add(const Parameter& parameter, MatrixView numbers, const std::string& suffix = "");

  std::vector<TensorSlice>& slices() { return slices_; }

  /// After a load: takes what was read to where it belongs.
  void bring_back() const;

 private:
  For purpose_;
  std::vector<TensorSlice> slices_;
  std::vector<std::pair<MatrixView, Tensor>> copies_;  // of what lies out of reach
};

/// Of ranks that hold the same, all but the first give theirs up: the others of a data-parallel
/// group if `copied` there, and of a tensor-parallel group if the parameter is replicated.
void leave_to_first(Mesh& mesh, const Parameter& parameter, bool copied, TensorSlice& slice);

}  // namespace colonnade::inline COLONNADE_PRECISION
