#include "colonnade/shard.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

namespace colonnade {

Range shard_range(Index n, Index parts, Index i) {
  if (n < 0 || i < 0 || i >= parts) {
    throw Error("no such shard", {.wanted = "0 <= shard < parts and a size of 0 or more",
                                  .found = "shard " + std::to_string(i) + " of " +
                                           std::to_string(parts) + ", size " + std::to_string(n)});
  }
  const Index shorter = n / parts;
  const Index longer_ones = n % parts;
  const Index begin = i * shorter + std::min(i, longer_ones);
  return {begin, begin + shorter + (i < longer_ones ? 1 : 0)};
}

Index shard_owner(Index n, Index parts, Index index) {
  if (parts < 1 || index < 0 || index >= n) {
    throw Error("no shard holds this element",
                {.wanted = "an index below " + std::to_string(n), .found = std::to_string(index)});
  }
  const Index shorter = n / parts;
  const Index longer_ones = n % parts;
  const Index in_longer_ones = longer_ones * (shorter + 1);
  if (index < in_longer_ones) return index / (shorter + 1);
  return longer_ones + (index - in_longer_ones) / shorter;
}

Index divide_exact(Index a, Index b, std::string_view what, SourceLine where) {
  if (b == 0 || a % b != 0) {
    throw Error("cannot divide " + std::string(what) + " evenly",
                {.wanted = "a multiple of " + std::to_string(b), .found = std::to_string(a)},
                where);
  }
  return a / b;
}

void require_power_of_two(Index value, std::string_view what, SourceLine where) {
  if (value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value))) return;
  throw Error(std::string(what) +
                  " must be a power of two: only then do the sums of runs of them " +
                  "make up the sum of all",
              {.wanted = "1, 2, 4, 8, ...", .found = std::to_string(value)}, where);
}

Sharding::Sharding(Index total, Index parts, std::string_view what, SourceLine where)
    : Sharding(total, parts, 0, what, where) {}

Sharding::Sharding(Index total, Index parts, Index shards, std::string_view what, SourceLine where)
    : total_(total), shards_a_part_(1) {
  const bool exact = shards > 0;
  const Index pieces = exact ? shards : parts;
  if (pieces < 1 || total < pieces) {
    throw Error(
        "cannot cut " + std::string(what) + " among " + std::to_string(pieces) +
            (exact ? " shards" : " ranks"),
        {.wanted = std::string("at least one column for each ") + (exact ? "shard" : "rank"),
         .found = std::to_string(total) + " columns",
         .hint = exact ? "choose fewer shards or a wider layer"
                       : "run on fewer ranks or choose a wider layer"},
        where);
  }
  if (exact) require_power_of_two(shards, "the number of shards", where);
  if (exact) shards_a_part_ = divide_exact(shards, parts, "the shards among the ranks", where);
  ranges_.reserve(static_cast<std::size_t>(parts));
  for (Index i = 0; i < parts; ++i) {
    ranges_.push_back({shard_range(total, pieces, i * shards_a_part_).begin,
                       shard_range(total, pieces, (i + 1) * shards_a_part_ - 1).end});
  }
}

std::vector<Range> Sharding::shards_of(Index part) const {
  const Index begin = range(part).begin;
  std::vector<Range> shards;
  for (Index i = 0; i < shards_a_part_; ++i) {
    const Range shard = shard_range(total_, parts() * shards_a_part_, part * shards_a_part_ + i);
    shards.push_back({shard.begin - begin, shard.end - begin});
  }
  return shards;
}

}  // namespace colonnade
