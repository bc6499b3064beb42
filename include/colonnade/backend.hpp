// The backend as a whole: what it is, and what it needs before its first op.
#pragma once

#include <string>

namespace colonnade {

/// Call it first in main, before MPI. Starts the program again (execv), at most once, with an
/// environment in which two libraries that read it when they are loaded do right:
/// OpenBLAS chooses its kernels by processor model, and on a model newer than itself takes those of
/// a processor without vector units wider than SSE: a quarter of the speed, without a word. Then
/// OPENBLAS_CORETYPE is set to what the processor can do, unless it is set.
/// OpenMP, told to bind threads (OMP_PROC_BIND and the like), binds every rank of a node to the
/// same core. These variables are unset; cores are choose_device's.
void prepare_backend(char** argv);

/// What multiplies matrices: `cpu, OpenBLAS 0.3.21, SkylakeX kernels`.
std::string backend_description();

/// The GPUs that this process may use, as a text that is another for others. Empty on the CPU, and
/// where there is none.
std::string backend_devices();

/// Makes this thread compute on a GPU before its first tensor: the `rank`th, as it is one of
/// `ranks` that may use the same GPUs. Throws if there are too few for each to have its own, unless
/// ranks may `share` one. Returns `GPU 0 (NVIDIA H100 80GB HBM3)`; on the CPU nothing happens.
std::string choose_backend_device(int rank, int ranks, bool share);

}  // namespace colonnade
