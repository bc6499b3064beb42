// The small vectors of CUDA and the sizes of a grid.
#ifndef PRETENDED_GPU_VECTOR_TYPES_H
#define PRETENDED_GPU_VECTOR_TYPES_H

#define PRETENDED_GPU_VECTOR2(name, scalar)     \
  struct alignas(2 * sizeof(scalar)) name {     \
    scalar x, y;                                \
  };                                            \
  inline name make_##name(scalar x, scalar y) { \
    return name{x, y};                          \
  }
#define PRETENDED_GPU_VECTOR4(name, scalar, alignment)              \
  struct alignas(alignment) name {                                  \
    scalar x, y, z, w;                                              \
  };                                                                \
  inline name make_##name(scalar x, scalar y, scalar z, scalar w) { \
    return name{x, y, z, w};                                        \
  }

PRETENDED_GPU_VECTOR2(int2, int)
PRETENDED_GPU_VECTOR2(uint2, unsigned)
PRETENDED_GPU_VECTOR2(float2, float)
PRETENDED_GPU_VECTOR2(double2, double)
PRETENDED_GPU_VECTOR2(longlong2, long long)
PRETENDED_GPU_VECTOR2(ulonglong2, unsigned long long)
PRETENDED_GPU_VECTOR4(int4, int, 16)
PRETENDED_GPU_VECTOR4(uint4, unsigned, 16)
PRETENDED_GPU_VECTOR4(float4, float, 16)
PRETENDED_GPU_VECTOR4(uchar4, unsigned char, 4)

#undef PRETENDED_GPU_VECTOR2
#undef PRETENDED_GPU_VECTOR4

struct uint3 {
  unsigned x, y, z;
};
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) {
  return uint3{x, y, z};
}

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return uint3{x, y, z}; }
};

#endif
