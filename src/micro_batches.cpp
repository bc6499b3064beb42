// Apart from training_step.cpp, which is another object in each precision.
#include "colonnade/training_step.hpp"

namespace colonnade {

std::vector<Range> micro_batches(Index rows, int dp_size, int dp_rank, Index accumulate,
                                 Index row_blocks) {
  std::vector<Range> ranges;
  if (row_blocks > 0) {
    require_power_of_two(row_blocks, "the number of row blocks");
    const Index own = divide_exact(row_blocks, dp_size, "the row blocks among data-parallel ranks");
    for (Index i = 0; i < own; ++i) {
      ranges.push_back(shard_range(rows, row_blocks, dp_rank * own + i));
    }
    return ranges;
  }
  const Range own = shard_range(rows, dp_size, dp_rank);
  for (Index i = 0; i < accumulate; ++i) {
    const Range part = shard_range(own.size(), accumulate, i);
    ranges.push_back({own.begin + part.begin, own.begin + part.end});
  }
  return ranges;
}

}  // namespace colonnade
