// What the parts of the pretended cuBLASLt share: descriptors as plain structs, a product in full.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/cublasLt.h"

namespace pretended_gpu {

struct Layout {
  std::uint64_t rows;
  std::uint64_t cols;
  std::int64_t ld;
  std::int32_t type;
  std::int32_t order;
};

struct Description {
  void* bias;
  void* aux;
  std::int64_t aux_ld;
  std::int32_t compute;
  std::int32_t scale_type;
  std::int32_t pointer_mode;
  std::int32_t trans_a;
  std::int32_t trans_b;
  std::uint32_t epilogue;
  std::int32_t bias_type;  // -1: D's
  std::int32_t aux_type;   // -1: D's
};

struct Preference {
  std::uint64_t workspace;
  std::uint32_t reduction_schemes;
  std::uint32_t alignment[4];  // of A, B, C, D
};

// One product, with all that it needs to run later.
struct Product {
  Description how;
  Layout a, b, c, d;
  const void* a_data;
  const void* b_data;
  const void* c_data;  // not read where beta is 0
  void* d_data;
  double alpha;  // read from device memory when it runs, in that pointer mode
  double beta;
  const void* alpha_data;
  const void* beta_data;
  void* workspace;
  std::size_t workspace_used;
};

std::size_t size_of(std::int32_t type);
bool has(const Description& how, std::uint32_t bit);

// Bits of the epilogues.
inline constexpr std::uint32_t kRelu = 2, kBias = 4, kBiasGradient = 16, kGelu = 32,
                               kGeluGradient = 64, kAux = 128;

// Whether cuBLASLt has a product of these types, shapes and epilogue.
cublasStatus_t judge(const Description& how, const Layout& a, const Layout& b, const Layout& c,
                     const Layout& d);

// Computes it. All its memory can be touched.
void multiply(const Product& product);

}  // namespace pretended_gpu
