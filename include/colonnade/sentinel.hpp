// Copies that must be the same bits on several ranks, compared now and then: a bit that flips in
// one rank's memory spoils a training without a trace in its loss.
#pragma once

#include <cstdint>

#include "colonnade/training_job.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

class Sentinel {
 public:
  /// The job must outlive it.
  explicit Sentinel(TrainingJob& job);

  /// Compares parameters over the data-parallel ranks, and those that every tensor-parallel rank
  /// holds (biases of row-parallel layers) over these; moments likewise, wherever they have copies.
  /// Throws an agreed error that names `step`, the first tensor that differs and the ranks whose
  /// copy is not that of most (of as many, that of the lowest). A rank sends 8 bytes a tensor to
  /// each of its peers. Collective over the mesh.
  void check(std::int64_t step);

 private:
  TrainingJob* job_;
};

}  // namespace colonnade::inline COLONNADE_PRECISION
