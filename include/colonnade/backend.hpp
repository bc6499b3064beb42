// The backend as a whole: what it is, and what it needs before its first op.
#pragma once

#include <string>

namespace colonnade {

/// Call it first in main, before MPI. OpenBLAS chooses its kernels when it is loaded, by processor
/// model, and on a model newer than itself takes those of a processor without vector units wider
/// than SSE: a quarter of the speed, without a word. Where that happened, and OPENBLAS_CORETYPE
/// doesn't say otherwise, this sets the variable to what the processor can do and starts the
/// program again (execv), once.
void prepare_backend(char** argv);

/// What multiplies matrices: `cpu, OpenBLAS 0.3.21, SkylakeX kernels`.
std::string backend_description();

}  // namespace colonnade
