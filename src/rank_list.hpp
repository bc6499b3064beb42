// Many ranks in one sentence: `rank 3 is in A; ranks 0-2, 4 are in B`.
#pragma once

#include <string>
#include <vector>

namespace colonnade {

/// What a sentence says of one rank, after "is".
struct RankPhrase {
  int rank = 0;
  std::string text = {};
  double seconds = -1;  // for how long; negative: not said
};

/// Ranks of the same text together, with the shortest of their times; the fewest ranks first.
std::string who_is_where(std::vector<RankPhrase> phrases);

/// `0-3, 8` for numbers in ascending order, runs of three and more shortened.
std::string render_runs(const std::vector<int>& numbers);

}  // namespace colonnade
