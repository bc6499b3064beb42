// Apart from sample_job.cpp, which is another object in each precision.
#include <utility>

#include "sample_job.hpp"

namespace colonnade {

Job on_one_rank(Job job) {
  job.mesh = {};
  job.zero1 = false;
  job.model.recompute = false;
  job.model.row_parts = 1;
  return job;
}

TrainerOptions on_one_rank(TrainerOptions trainer) {
  trainer.accumulate = 1;
  return trainer;
}

}  // namespace colonnade
