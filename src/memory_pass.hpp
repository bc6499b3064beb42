// What a backend does for the limit of memory: the passes of limits.hpp, through which
// memory_limits.cpp has it go again and again.
#pragma once

#include "colonnade/limits.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// What an optimizer goes through: columns [n, 1] in device memory.
struct PassArrays {
  Tensor gradient, w, m, v;
};

/// Calls of it with a gradient of ones take every number that is written to 1 from 0, and then
/// towards 2, in an update from memory:
///   copy    w = gradient
///   triad   w = gradient + m / 2
///   update  w = w / 2 + gradient, and so with m and v
void go_through(MemoryPass pass, PassArrays& arrays);

}  // namespace colonnade::inline COLONNADE_PRECISION
