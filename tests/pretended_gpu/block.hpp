// Runs the blocks of a kernel, one after the other, on the calling thread.
#pragma once

#include <functional>

#include "include/vector_types.h"

namespace pretended_gpu {

// Calls `thread` once for each thread of the grid. Ends the program where threads wait for one that
// never comes.
void run_grid(dim3 grid, dim3 block, const std::function<void()>& thread);

}  // namespace pretended_gpu
