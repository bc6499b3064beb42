#include "cuda/bf16.hpp"

#include "cuda/gpu.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

struct alignas(bf16_pack * sizeof(__nv_bfloat16)) Pack16 {
  __nv_bfloat16 element[bf16_pack];
};

/// A pack of a column a thread.
__global__ void round_packs(const Scalar* from, Index from_stride, Index rows, Index cols,
                            __nv_bfloat16* to, Index to_stride) {
  const Index packs = to_stride / bf16_pack;
  const Index thread = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  const Index column = thread / packs, first = thread % packs * bf16_pack;
  if (column >= cols) return;
  Pack16 pack;
  for (Index i = 0; i < bf16_pack; ++i) {
    const bool inside = first + i < rows;
    pack.element[i] = __float2bfloat16(
        inside ? static_cast<float>(from[column * from_stride + first + i]) : 0.0f);
  }
  *reinterpret_cast<Pack16*>(to + column * to_stride + first) = pack;
}

}  // namespace

void round_to_bf16(const Scalar* from, Index from_stride, Index rows, Index cols, __nv_bfloat16* to,
                   Index to_stride) {
  gpu::launch("round to bf16", round_packs, gpu::grid_for(to_stride / bf16_pack * cols), from,
              from_stride, rows, cols, to, to_stride);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
