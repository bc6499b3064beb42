// Products by cuBLASLt, which numbers matrices as we do, column by column. What it needs to know of
// a product is worked out once for each kind of product that a thread computes.
#include "matmul.hpp"

#include <cublasLt.h>

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "colonnade/backend.hpp"
#include "cuda/bf16.hpp"
#include "cuda/gpu.hpp"
#include "cuda/scratch.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void check(cublasStatus_t status, const char* call, SourceLine where = SourceLine::here()) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(std::string(call) + " failed", {.found = cublasLtGetStatusString(status)}, where);
}

/// What it recommends in its documentation for the GPUs since Hopper.
constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

constexpr cudaDataType_t scalar_type = sizeof(Scalar) == 8 ? CUDA_R_64F : CUDA_R_32F;

/// A matrix as it lies in memory, and whether it is read transposed.
struct Operand {
  const void* data;
  cudaDataType_t type;
  Index rows;
  Index cols;
  Index stride;
  bool transposed;
};

/// Of at most 256 bytes, which is what cuBLASLt makes a difference for.
std::uint32_t alignment(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address) | 256;
  return static_cast<std::uint32_t>(number & -number);
}

/// All that the choice of an algorithm depends on.
struct Kind {
  struct Matrix {
    cudaDataType_t type;
    Index rows;
    Index cols;
    Index stride;
    bool transposed;
    std::uint32_t alignment;
    auto operator<=>(const Matrix&) const = default;
  };
  Matrix a, b, out;
  Store store;
  Math math;
  auto operator<=>(const Kind&) const = default;
};

Kind::Matrix kind_of(const Operand& operand) {
  return {operand.type,   operand.rows,       operand.cols,
          operand.stride, operand.transposed, alignment(operand.data)};
}

cublasComputeType_t compute_type(Math math) {
  if (sizeof(Scalar) == 8) return CUBLAS_COMPUTE_64F;
  return math == Math::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

/// A handle of cuBLASLt's, from its create to its destroy.
template <class Handle, cublasStatus_t (*destroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (handle_ != nullptr) destroy(handle_);
  }
  Handle* place() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Library = Owned<cublasLtHandle_t, cublasLtDestroy>;
using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

template <class Value>
void set(const Description& description, cublasLtMatmulDescAttributes_t attribute, Value value) {
  check(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value),
        "cublasLtMatmulDescSetAttribute");
}
template <class Value>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         Value value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value),
        "cublasLtMatmulPreferenceSetAttribute");
}

void lay_out(const Kind::Matrix& matrix, Layout& layout) {
  check(cublasLtMatrixLayoutCreate(layout.place(), matrix.type,
                                   static_cast<std::uint64_t>(matrix.rows),
                                   static_cast<std::uint64_t>(matrix.cols), matrix.stride),
        "cublasLtMatrixLayoutCreate");
}

/// How a kind of product is computed: the fastest that cuBLASLt's heuristic knows.
struct Plan {
  Plan(cublasLtHandle_t library, const Kind& kind) {
    check(cublasLtMatmulDescCreate(description.place(), compute_type(kind.math), scalar_type),
          "cublasLtMatmulDescCreate");
    const auto operation = [](bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
    set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation(kind.a.transposed));
    set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation(kind.b.transposed));
    lay_out(kind.a, a);
    lay_out(kind.b, b);
    lay_out(kind.out, out);
    Preference preference;
    check(cublasLtMatmulPreferenceCreate(preference.place()), "cublasLtMatmulPreferenceCreate");
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kind.a.alignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kind.b.alignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kind.out.alignment);
    set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kind.out.alignment);
    int found = 0;
    check(cublasLtMatmulAlgoGetHeuristic(library, description.get(), a.get(), b.get(), out.get(),
                                         out.get(), preference.get(), 1, &choice, &found),
          "cublasLtMatmulAlgoGetHeuristic");
    if (found == 0) {
      throw Error("cuBLASLt knows no algorithm for a product",
                  {.found = std::to_string(kind.out.rows) + "x" + std::to_string(kind.out.cols) +
                            ", in " + std::string(to_string(kind.math))});
    }
  }

  Description description;
  Layout a, b, out;
  cublasLtMatmulHeuristicResult_t choice = {};
};

/// cuBLASLt as a thread uses it.
class Products {
 public:
  Products() : workspace_(workspace_bytes) {
    check(cublasLtCreate(library_.place()), "cublasLtCreate");
  }

  void multiply(Operand a, Operand b, Math math, Store store, MatrixView out) {
    if (math == Math::bf16) {
      a = rounded(a, left_);
      b = rounded(b, right_);
    }
    const Kind kind = {kind_of(a), kind_of(b),
                       kind_of({out.data, scalar_type, out.rows, out.cols, out.rows, false}), store,
                       math};
    const Plan& plan = plans_.try_emplace(kind, library_.get(), kind).first->second;
    const Scalar one = 1, beta = store == Store::add ? 1 : 0;
    check(cublasLtMatmul(library_.get(), plan.description.get(), &one, a.data, plan.a.get(), b.data,
                         plan.b.get(), &beta, out.data, plan.out.get(), out.data, plan.out.get(),
                         &plan.choice.algo, workspace_.reserve<char>(workspace_bytes),
                         workspace_bytes, gpu::stream()),
          "cublasLtMatmul");
    gpu::end_op("cublasLtMatmul");
  }

 private:
  static Operand rounded(const Operand& factor, gpu::Scratch& scratch) {
    const Index stride = (factor.rows + bf16_pack - 1) / bf16_pack * bf16_pack;
    __nv_bfloat16* const to = scratch.reserve<__nv_bfloat16>(stride * factor.cols);
    round_to_bf16(static_cast<const Scalar*>(factor.data), factor.stride, factor.rows, factor.cols,
                  to, stride);
    return {to, CUDA_R_16BF, factor.rows, factor.cols, stride, factor.transposed};
  }

  gpu::Scratch left_, right_;  // factors in bf16
  gpu::Scratch workspace_;     // asks for the thread's GPU, which the library then takes as its own
  Library library_;
  std::map<Kind, Plan> plans_;
};

Operand operand(const Factor& factor) {
  const bool turned = factor.transposed;
  return {factor.data,
          scalar_type,
          turned ? factor.cols : factor.rows,
          turned ? factor.rows : factor.cols,
          factor.stride,
          turned};
}

}  // namespace

void multiply(const Factor& a, const Factor& b, Store store, MatrixView out) {
  if (out.size() == 0) return;
  if (a.cols == 0) {
    if (store == Store::assign) {
      zero_bytes(out.data, static_cast<std::size_t>(out.size()) * sizeof(Scalar));
    }
    return;
  }
  static thread_local Products products;
  products.multiply(operand(a), operand(b), math(), store, out);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
