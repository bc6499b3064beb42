// A batch that is trained on again and again. A step takes its matrices and gives them back; these
// stay where they are, so that no step pays for a copy of them.
#pragma once

#include <utility>

#include "colonnade/tensor.hpp"
#include "repeated_step.hpp"

namespace bench {

class LentTensor {
 public:
  explicit LentTensor(colonnade::Tensor numbers)
      : numbers_(std::move(numbers)), memory_(numbers_.data()) {}
  LentTensor(const LentTensor&) = delete;
  LentTensor& operator=(const LentTensor&) = delete;

  /// The same numbers each time. It must be gone before this is.
  colonnade::Tensor lend() { return {numbers_.rows(), numbers_.cols(), &memory_}; }

 private:
  colonnade::Tensor numbers_;
  colonnade::LentMemory memory_;
};

}  // namespace bench
