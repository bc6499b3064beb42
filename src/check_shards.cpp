#include "check_shards.hpp"

#include <string>

namespace colonnade {

void check_shards(std::span<const Range> ranges, Index end, std::string_view what,
                  SourceLine where) {
  Index reached = 0;
  bool follow = true;
  for (const Range& range : ranges) {
    follow = follow && range.begin == reached && range.end >= range.begin;
    reached = range.end;
  }
  if (follow && reached == end) return;
  std::string found;
  for (const Range& range : ranges) {
    found += (found.empty() ? "[" : " [") + std::to_string(range.begin) + ", " +
             std::to_string(range.end) + ")";
  }
  throw Error("wrong shards of " + std::string(what),
              {.wanted = "consecutive ranges from 0 to " + std::to_string(end),
               .found = found.empty() ? "none" : found},
              where);
}

}  // namespace colonnade
