// Factors of products rounded to bf16, which has a float's range and 8 bits.
#pragma once

#include <cuda_bf16.h>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Columns of bf16 numbers begin at multiples of this, for sixteen bytes are written at once, and
/// products are faster so.
inline constexpr Index bf16_pack = 8;

/// to = from, rounded to the nearest: matrices [rows, cols] whose columns begin a stride apart.
/// to_stride is a multiple of bf16_pack.
void round_to_bf16(const Scalar* from, Index from_stride, Index rows, Index cols, __nv_bfloat16* to,
                   Index to_stride);

}  // namespace colonnade::inline COLONNADE_PRECISION
