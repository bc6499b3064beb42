// bfloat16: the upper half of a float. Only its conversions; there is no arithmetic in it here.
#ifndef PRETENDED_GPU_CUDA_BF16_H
#define PRETENDED_GPU_CUDA_BF16_H

#include <bit>
#include <cstdint>

#include "vector_types.h"

namespace pretended_gpu {

// To nearest, a tie to even, a NaN to the canonical one, as the hardware does.
inline std::uint16_t bfloat16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
// A double through a float would be rounded twice: that float is made odd where it is not exact.
inline std::uint16_t bfloat16_bits(double x) {
  float f = static_cast<float>(x);
  const auto bits = std::bit_cast<std::uint32_t>(f);
  const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
  if (finite && static_cast<double>(f) != x && (bits & 1u) == 0) {
    const bool too_large = (static_cast<double>(f) > x) == (x > 0);
    f = std::bit_cast<float>(too_large ? bits - 1 : bits + 1);
  }
  return bfloat16_bits(f);
}
inline float float_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace pretended_gpu

struct __nv_bfloat16 {
  __nv_bfloat16() = default;
  __nv_bfloat16(float x) : bits(pretended_gpu::bfloat16_bits(x)) {}
  __nv_bfloat16(double x) : bits(pretended_gpu::bfloat16_bits(x)) {}
  operator float() const { return pretended_gpu::float_of_bfloat16(bits); }

  // Its real name is another one, and hidden.
  std::uint16_t bits;
};
typedef __nv_bfloat16 nv_bfloat16;

// The real ones round to bfloat16. Through the conversion to float they would not, without a word.
__nv_bfloat16 operator+(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator-(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator*(__nv_bfloat16, __nv_bfloat16) = delete;
__nv_bfloat16 operator/(__nv_bfloat16, __nv_bfloat16) = delete;

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
typedef __nv_bfloat162 nv_bfloat162;

inline __nv_bfloat16 __float2bfloat16(float x) {
  return __nv_bfloat16(x);
}
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
  return __nv_bfloat16(x);
}
inline __nv_bfloat16 __double2bfloat16(double x) {
  return __nv_bfloat16(x);
}
inline float __bfloat162float(__nv_bfloat16 x) {
  return x;
}
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) {
  return x.bits;
}
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  __nv_bfloat16 x;
  x.bits = bits;
  return x;
}
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return {x, y};
}
inline float2 __bfloat1622float2(__nv_bfloat162 v) {
  return {v.x, v.y};
}

#endif
