// Ranks as threads of one process: a whole distributed run under one debugger or sanitizer, with no
// mpiexec. The collectives are those of every transport, so what runs here runs on MPI.
#pragma once

#include <functional>

#include "colonnade/process_group.hpp"

namespace colonnade {

/// Runs `work` on `world_size` threads, each with its rank of one group, and returns when all have
/// ended. If one throws, the others are woken from whatever collective they wait in and end too,
/// and spawn throws what the first one threw. Waiting ranks spin briefly and then sleep, so that
/// there may be more of them than cores.
void spawn(int world_size, const std::function<void(ProcessGroup&)>& work);

}  // namespace colonnade
