// Tensors as a model has them, cut among ranks in every way that a file knows.
#pragma once

#include <string>
#include <vector>

#include "colonnade/safetensors.hpp"

namespace harness {

/// A small model cut among the ranks: a weight and its bias by the outputs, a weight by its inputs,
/// two tensors that all ranks hold and the first one saves, and two blocks in runs of elements.
/// Sizes divide by nothing.
class CutModel {
 public:
  CutModel(colonnade::Index ranks, colonnade::Index rank, bool loading) {
    const colonnade::Range outputs = colonnade::shard_range(7, ranks, rank);
    const colonnade::Range inputs = colonnade::shard_range(5, ranks, rank);
    const bool whole = loading || rank == 0;
    add("layers.0.weight", {7, 3}, {outputs, {0, 3}});
    add("layers.0.bias", {7}, {outputs});
    add("layers.1.weight", {4, 5}, {{0, 4}, inputs});
    add("norm", {6}, {whole ? colonnade::Range{0, 6} : colonnade::Range{0, 0}});
    add("scale", {1}, {{0, whole ? 1 : 0}});
    add("moment", {4, 5}, {{0, 4}, {0, 5}});
    slices_.back().elements = colonnade::shard_range(20, ranks, rank);
    add("moment of a bias", {7}, {{0, 7}});
    slices_.back().elements = colonnade::shard_range(7, ranks, rank);
    for (std::size_t i = 0; i < slices_.size(); ++i) slices_[i].data = numbers_[i].data();
  }

  const std::vector<colonnade::TensorSlice>& slices() const { return slices_; }

  /// Each element becomes a function of the tensor's number and its place in the whole tensor.
  void fill() {
    visit([](auto& number, auto wanted) { number = wanted; });
  }
  bool is_filled() {
    bool right = true;
    visit([&](auto& number, auto wanted) { right = right && number == wanted; });
    return right;
  }
  bool holds_only(colonnade::Scalar value) {
    bool right = true;
    visit([&](auto& number, auto) { right = right && number == value; });
    return right;
  }
  void set_all(colonnade::Scalar value) {
    visit([&](auto& number, auto) { number = value; });
  }

 private:
  void add(const std::string& name, std::vector<colonnade::Index> shape,
           std::vector<colonnade::Range> block) {
    slices_.push_back({name, std::move(shape), std::move(block), nullptr});
    numbers_.emplace_back(32);
  }

  template <class Visit>
  void visit(Visit&& visit) {
    for (std::size_t t = 0; t < slices_.size(); ++t) {
      for_each_run(slices_[t], [&](colonnade::Run run) {
        for (colonnade::Index i = 0; i < run.count; ++i) {
          const colonnade::Index place = static_cast<colonnade::Index>(t) * 100 + run.in_tensor + i;
          visit(slices_[t].data[run.in_data + i], static_cast<colonnade::Scalar>(place) / 8 - 3);
        }
      });
    }
  }

  std::vector<std::vector<colonnade::Scalar>> numbers_;
  std::vector<colonnade::TensorSlice> slices_;
};

}  // namespace harness
