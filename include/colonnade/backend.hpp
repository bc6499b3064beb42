// The backend as a whole: what it is, what it needs before its first op, and how it multiplies.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "colonnade/scalar.hpp"

namespace colonnade {

/// Call it first in main, before MPI. Starts the program again (execv), at most once, with an
/// environment in which two libraries that read it when they are loaded do right:
/// OpenBLAS chooses its kernels by processor model, and on a model newer than itself takes those of
/// a processor without vector units wider than SSE: a quarter of the speed, without a word. Then
/// OPENBLAS_CORETYPE is set to what the processor can do, unless it is set.
/// OpenMP, told to bind threads (OMP_PROC_BIND and the like), binds every rank of a node to the
/// same core. These variables are unset; cores are choose_device's.
void prepare_backend(char** argv);

/// Why no op can run here: a build for GPUs on a machine without one. Empty if ops can.
std::string why_no_device();

/// What multiplies matrices: `cpu, OpenBLAS 0.3.21, SkylakeX kernels`, `cuda, NVIDIA H100, cuBLASLt
/// 13.0.2`.
std::string backend_description();

/// The GPUs that this process may use, as a text that is another for others. Empty on the CPU, and
/// where there is none.
std::string backend_devices();

/// What a rank computes on, where that is no processor.
struct BackendDevice {
  std::string name = {};  // `GPU 0 (NVIDIA H100 80GB HBM3)`; on the CPU empty
  double memory = 0;      // bytes for this rank's tensors, if others share it its part of them
  std::size_t cache = 0;  // bytes of its last cache, in the same way
};

/// Makes this thread compute on a GPU before its first tensor: the `rank`th, as it is one of
/// `ranks` that may use the same GPUs. Throws if there are too few for each to have its own, unless
/// ranks may `share` one, and for a GPU that this program wasn't compiled for. On the CPU nothing
/// happens.
BackendDevice choose_backend_device(int rank, int ranks, bool share);

/// What a GPU multiplies floats in; it adds the products as floats in any case. Sums of products
/// alone are meant: all else, and exact mode, is computed in the build's own precision.
enum class Math {
  fp32,  // float, 24 bits
  tf32,  // factors rounded to 11 bits, with the range of a float
  bf16,  // factors rounded to 8 bits, with the range of a float
};

/// `fp32`, `tf32`, `bf16`, as the command line spells them.
std::string_view to_string(Math math);

/// The reverse; throws on any other name.
Math math_from(std::string_view name);

/// How far apart neighbours of 1 are among the numbers that it rounds factors to; 0 where it
/// doesn't.
double spacing_of_factors(Math math);

inline namespace COLONNADE_PRECISION {

/// Of all products of this process from now on; fp32 at first, which in a double build stands for
/// double. Throws for another where the backend has no other, and in a double build.
void set_math(Math math);
Math math();

}  // namespace COLONNADE_PRECISION

}  // namespace colonnade
