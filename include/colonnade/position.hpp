// Where a run stands in its steps and in its data. With the seed it settles which samples come
// next, and in what order.
#pragma once

#include <cstdint>

namespace colonnade {

struct Position {
  std::int64_t step = 0;   // optimizer steps that are done, skipped ones included
  std::int64_t epoch = 1;  // the one under way, from 1
  std::int64_t batch = 0;  // batches of it that are done
  bool operator==(const Position&) const = default;
};

}  // namespace colonnade
