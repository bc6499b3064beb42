// What ops on logical shards ask first.
#pragma once

#include <span>
#include <string_view>

#include "colonnade/shard.hpp"

namespace colonnade {

/// Throws unless `ranges` follow one another from 0 to `end`; `what` names what they cut.
void check_shards(std::span<const Range> ranges, Index end, std::string_view what,
                  SourceLine where = SourceLine::here());

}  // namespace colonnade
