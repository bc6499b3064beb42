// How n things are cut among parts: pure arithmetic, without a message and without a rank count
// that must divide. Every range of feature columns in the library comes from here.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "colonnade/error.hpp"

namespace colonnade {

using Index = std::ptrdiff_t;

/// Half-open: begin is inside, end is not.
struct Range {
  Index begin = 0;
  Index end = 0;
  Index size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

/// The i-th of `parts` consecutive ranges that cover [0, n). Sizes differ by one at most and the
/// longer ones come first. Throws unless n >= 0 and 0 <= i < parts.
Range shard_range(Index n, Index parts, Index i);

/// Which of the `parts` ranges of shard_range holds element `index`, 0 <= index < n.
Index shard_owner(Index n, Index parts, Index index);

/// a / b where b must divide a: `what` names the quantity in the error otherwise.
Index divide_exact(Index a, Index b, std::string_view what, SourceLine where = SourceLine::here());

/// Throws unless value is 1, 2, 4, 8, ...: only then do the sums of runs of equal length make up
/// the sum of all along the tree of tree_sum.hpp.
void require_power_of_two(Index value, std::string_view what,
                          SourceLine where = SourceLine::here());

/// The cut of `total` columns among `parts` ranks; part i owns range(i). It is a cut into logical
/// shards, of which every part owns a run: as many shards as parts in fast mode, a number that
/// doesn't change with the parts in exact mode.
class Sharding {
 public:
  /// One shard for each part. Throws unless every part gets at least one column; `what` names the
  /// thing that is cut.
  Sharding(Index total, Index parts, std::string_view what, SourceLine where = SourceLine::here());

  /// `shards` of them, or one for each part if it is 0. Throws unless shards is a power of
  /// two that parts divides and every shard gets a column.
  Sharding(Index total, Index parts, Index shards, std::string_view what,
           SourceLine where = SourceLine::here());

  Index total() const { return total_; }
  Index parts() const { return static_cast<Index>(ranges_.size()); }
  Range range(Index part) const { return ranges_[static_cast<std::size_t>(part)]; }
  const std::vector<Range>& ranges() const { return ranges_; }

  /// The logical shards of a part, counted from the part's first column.
  std::vector<Range> shards_of(Index part) const;

 private:
  Index total_;
  Index shards_a_part_;
  std::vector<Range> ranges_;
};

}  // namespace colonnade
