// Device functions that are not in <math.h>. g++ is told not to join a * b + c (-ffp-contract=off),
// so that the rounding functions are what plain operators are.
#ifndef PRETENDED_GPU_DEVICE_MATH_H
#define PRETENDED_GPU_DEVICE_MATH_H

#include <math.h>

#include <bit>
#include <cstdlib>

inline float rsqrtf(float x) {
  return 1.0f / sqrtf(x);
}
inline double rsqrt(double x) {
  return 1.0 / sqrt(x);
}

inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fsub_rn(float x, float y) {
  return x - y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __fdiv_rn(float x, float y) {
  return x / y;
}
inline float __fsqrt_rn(float x) {
  return sqrtf(x);
}
inline float __frcp_rn(float x) {
  return 1.0f / x;
}
inline float __fmaf_rn(float x, float y, float z) {
  return fmaf(x, y, z);
}
inline double __dadd_rn(double x, double y) {
  return x + y;
}
inline double __dsub_rn(double x, double y) {
  return x - y;
}
inline double __dmul_rn(double x, double y) {
  return x * y;
}
inline double __ddiv_rn(double x, double y) {
  return x / y;
}
inline double __dsqrt_rn(double x) {
  return sqrt(x);
}
inline double __fma_rn(double x, double y, double z) {
  return fma(x, y, z);
}

// The quick ones differ in their last bits on a GPU; a test that passes only here is too strict.
inline float __fdividef(float x, float y) {
  return x / y;
}
// Macros, because glibc declares functions of these names.
#define __expf(x) expf(x)
#define __logf(x) logf(x)
#define __powf(x, y) powf(x, y)
#define __tanhf(x) tanhf(x)

inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>((static_cast<unsigned long long>(x) * y) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  __extension__ typedef unsigned __int128 Wide;
  return static_cast<unsigned long long>((static_cast<Wide>(x) * y) >> 64);
}
inline int __popc(unsigned x) {
  return std::popcount(x);
}
inline int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}
inline int __ffs(int x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1;
}

inline int __float_as_int(float x) {
  return std::bit_cast<int>(x);
}
inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
inline float __int_as_float(int x) {
  return std::bit_cast<float>(x);
}
inline float __uint_as_float(unsigned x) {
  return std::bit_cast<float>(x);
}
inline long long __double_as_longlong(double x) {
  return std::bit_cast<long long>(x);
}
inline double __longlong_as_double(long long x) {
  return std::bit_cast<double>(x);
}

inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline double __int2double_rn(int x) {
  return x;
}
inline int __float2int_rn(float x) {
  return static_cast<int>(nearbyintf(x));
}
inline int __float2int_rz(float x) {
  return static_cast<int>(x);
}

// CUDA has them without a namespace.
#define PRETENDED_GPU_EXTREMES(T) \
  inline T min(T a, T b) {        \
    return b < a ? b : a;         \
  }                               \
  inline T max(T a, T b) {        \
    return a < b ? b : a;         \
  }
PRETENDED_GPU_EXTREMES(int)
PRETENDED_GPU_EXTREMES(unsigned)
PRETENDED_GPU_EXTREMES(long)
PRETENDED_GPU_EXTREMES(unsigned long)
PRETENDED_GPU_EXTREMES(long long)
PRETENDED_GPU_EXTREMES(unsigned long long)
#undef PRETENDED_GPU_EXTREMES
inline float min(float a, float b) {
  return fminf(a, b);
}
inline float max(float a, float b) {
  return fmaxf(a, b);
}
inline double min(double a, double b) {
  return fmin(a, b);
}
inline double max(double a, double b) {
  return fmax(a, b);
}

[[noreturn]] inline void __trap() {
  std::abort();
}

#endif
