// A product of matrices as cuBLASLt alone computes it, from factors that are already numbers of the
// type that it multiplies. Of the algorithms that its heuristic proposes the fastest is taken,
// which ours, taking the first, may not have.
#pragma once

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include "../bench.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/device_array.hpp"
#include "colonnade/tensor.hpp"
#include "cuda/gpu.hpp"

namespace bench {

using colonnade::Index;

inline void check(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw colonnade::Error(std::string(call) + " failed", {.found = cublasLtGetStatusString(status)});
}

/// Columns of `rows` numbers, a stride apart.
struct Factor {
  const void* data;
  cudaDataType_t type;
  Index rows, cols, stride;
  bool transposed;
};

inline constexpr cudaDataType_t scalar_type =
    sizeof(colonnade::Scalar) == 8 ? CUDA_R_64F : CUDA_R_32F;

inline Factor factor_of(colonnade::ConstMatrixView matrix, bool transposed) {
  return {matrix.data, scalar_type, matrix.rows, matrix.cols, matrix.rows, transposed};
}

class CublasProduct {
 public:
  /// out = a b. All must outlive it; `workspace` may serve several.
  CublasProduct(const Factor& a, const Factor& b, colonnade::MatrixView out, colonnade::Math math,
                std::span<char> workspace)
      : a_data_(a.data), b_data_(b.data), out_data_(out.data), workspace_(workspace) {
    library_ = make<cublasLtCreate, Library>();
    description_ = make<cublasLtMatmulDescCreate, Description>(compute_type(math), scalar_type);
    set_transposed(CUBLASLT_MATMUL_DESC_TRANSA, a.transposed);
    set_transposed(CUBLASLT_MATMUL_DESC_TRANSB, b.transposed);
    a_ = lay_out(a.type, a.rows, a.cols, a.stride);
    b_ = lay_out(b.type, b.rows, b.cols, b.stride);
    out_ = lay_out(scalar_type, out.rows, out.cols, out.rows);
    choose_algorithm();
  }

  void compute() const { compute_by(algorithm_); }

 private:
  template <auto destroy>
  struct Destroy {
    template <class Object>
    void operator()(Object* object) const {
      destroy(object);
    }
  };
  template <class Handle, auto destroy>
  using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<destroy>>;
  using Library = Owned<cublasLtHandle_t, cublasLtDestroy>;
  using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
  using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
  using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

  template <auto create, class Object, class... Arguments>
  static Object make(Arguments... arguments) {
    typename Object::pointer object = nullptr;
    check(create(&object, arguments...), "a call of cuBLASLt that creates");
    return Object(object);
  }

  static Layout lay_out(cudaDataType_t type, Index rows, Index cols, Index stride) {
    return make<cublasLtMatrixLayoutCreate, Layout>(type, static_cast<std::uint64_t>(rows),
                                                    static_cast<std::uint64_t>(cols), stride);
  }

  static cublasComputeType_t compute_type(colonnade::Math math) {
    if (scalar_type == CUDA_R_64F) return CUBLAS_COMPUTE_64F;
    return math == colonnade::Math::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  }

  void set_transposed(cublasLtMatmulDescAttributes_t attribute, bool transposed) const {
    const cublasOperation_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(
        cublasLtMatmulDescSetAttribute(description_.get(), attribute, &operation, sizeof operation),
        "cublasLtMatmulDescSetAttribute");
  }

  void choose_algorithm() {
    const Preference preference = make<cublasLtMatmulPreferenceCreate, Preference>();
    const std::size_t bytes = workspace_.size();
    check(cublasLtMatmulPreferenceSetAttribute(
              preference.get(), CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes),
          "cublasLtMatmulPreferenceSetAttribute");
    std::array<cublasLtMatmulHeuristicResult_t, 8> proposals = {};
    int count = 0;
    check(cublasLtMatmulAlgoGetHeuristic(
              library_.get(), description_.get(), a_.get(), b_.get(), out_.get(), out_.get(),
              preference.get(), static_cast<int>(proposals.size()), proposals.data(), &count),
          "cublasLtMatmulAlgoGetHeuristic");
    if (count == 0) throw colonnade::Error("cuBLASLt knows no algorithm for a product");
    ProcessGroup alone = ProcessGroup::self();
    double fastest = std::numeric_limits<double>::infinity();
    for (int i = 0; i < count; ++i) {
      const cublasLtMatmulAlgo_t& proposed = proposals[static_cast<std::size_t>(i)].algo;
      const double seconds = measure(alone, 3, [&] { compute_by(proposed); }).smallest;
      if (seconds >= fastest) continue;
      fastest = seconds;
      algorithm_ = proposed;
    }
  }

  void compute_by(const cublasLtMatmulAlgo_t& algorithm) const {
    const colonnade::Scalar one = 1, zero = 0;
    check(cublasLtMatmul(library_.get(), description_.get(), &one, a_data_, a_.get(), b_data_,
                         b_.get(), &zero, out_data_, out_.get(), out_data_, out_.get(), &algorithm,
                         workspace_.data(), workspace_.size(), colonnade::gpu::stream()),
          "cublasLtMatmul");
  }

  const void* a_data_;
  const void* b_data_;
  void* out_data_;
  std::span<char> workspace_;
  Library library_;
  Description description_;
  Layout a_, b_, out_;
  cublasLtMatmulAlgo_t algorithm_ = {};
};

}  // namespace bench
