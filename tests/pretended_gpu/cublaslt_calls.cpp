// The heuristic, which gives one algorithm, and the call that queues a product. An algorithm knows
// for which types, alignments and workspace it was given.
#include <cstring>
#include <memory>
#include <string>

#include "cublaslt.hpp"
#include "device_memory.hpp"
#include "errors.hpp"
#include "streams.hpp"

using namespace pretended_gpu;

struct cublasLtContext {
  int device;
};

namespace {

constexpr std::uint64_t kMark = 0x436f6c6f6e6e6164;
constexpr std::uint32_t kLargestAlignment = 256;

struct Algorithm {
  std::uint64_t mark;
  std::uint64_t kind;
  std::uint64_t workspace;
  std::uint32_t alignment[4];
  std::uint32_t bias_alignment;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

// The same for products that one algorithm can do.
std::uint64_t kind_of(const Description& how, const Layout& a, const Layout& d) {
  std::uint64_t kind = 0;
  for (const std::int64_t part :
       {std::int64_t{how.compute}, std::int64_t{how.trans_a}, std::int64_t{how.trans_b},
        std::int64_t{how.epilogue}, std::int64_t{a.type}, std::int64_t{d.type},
        std::int64_t{a.order}, std::int64_t{d.order}}) {
    kind = kind * 1000003 + static_cast<std::uint64_t>(part);
  }
  return kind;
}

std::uint32_t alignment_of(const void* pointer) {
  std::uint32_t alignment = kLargestAlignment;
  while (reinterpret_cast<std::uintptr_t>(pointer) % alignment != 0) alignment /= 2;
  return alignment;
}

std::size_t bytes_of(const Layout& m) {
  const bool by_columns = m.order == CUBLASLT_ORDER_COL;
  const std::uint64_t lines = by_columns ? m.cols : m.rows;
  const std::uint64_t last = by_columns ? m.rows : m.cols;
  return ((lines - 1) * static_cast<std::uint64_t>(m.ld) + last) * size_of(m.type);
}

const Layout& layout(cublasLtMatrixLayout_t opaque) {
  return *reinterpret_cast<const Layout*>(opaque);
}

bool algorithm_fits(const Algorithm& algorithm, const Product& p, std::size_t workspace) {
  if (algorithm.mark != kMark || algorithm.kind != kind_of(p.how, p.a, p.d)) {
    complain("cublasLtMatmul with an algorithm that was given for another kind of product");
    return false;
  }
  const void* pointers[] = {p.a_data, p.b_data, p.c_data, p.d_data};
  for (int i = 0; i < 4; ++i) {
    if (pointers[i] != nullptr && alignment_of(pointers[i]) < algorithm.alignment[i]) {
      complain("cublasLtMatmul: " + std::string(1, "ABCD"[i]) + " is aligned to " +
               std::to_string(alignment_of(pointers[i])) + " bytes, its algorithm was asked for " +
               std::to_string(algorithm.alignment[i]));
      return false;
    }
  }
  const bool bias = has(p.how, kBias | kBiasGradient) || p.how.epilogue >= CUBLASLT_EPILOGUE_BGRADA;
  if (bias && alignment_of(p.how.bias) < algorithm.bias_alignment) {
    complain("cublasLtMatmul: the bias is less aligned than when the heuristic was asked");
    return false;
  }
  return workspace >= algorithm.workspace;
}

// Null pointers where data are needed, and memory that the device cannot reach.
const char* unreachable_part(const Product& p, int device) {
  const auto bad = [&](const void* pointer, std::size_t bytes) {
    return pointer == nullptr || !reachable(pointer, bytes, device);
  };
  const bool of_host = p.how.pointer_mode == CUBLASLT_POINTER_MODE_HOST;
  const bool uses_c = !of_host || p.beta != 0;
  const std::size_t element = size_of(p.d.type);
  const std::uint64_t bias =
      (p.how.epilogue == CUBLASLT_EPILOGUE_BGRADB ? p.d.cols : p.d.rows) * element;
  const std::uint64_t aux =
      ((p.d.cols - 1) * static_cast<std::uint64_t>(p.how.aux_ld) + p.d.rows) * element;
  if (bad(p.a_data, bytes_of(p.a))) return "A";
  if (bad(p.b_data, bytes_of(p.b))) return "B";
  if (uses_c && bad(p.c_data, bytes_of(p.c))) return "C";
  if (bad(p.d_data, bytes_of(p.d))) return "D";
  if ((has(p.how, kBias | kBiasGradient) || p.how.epilogue >= CUBLASLT_EPILOGUE_BGRADA) &&
      bad(p.how.bias, bias)) {
    return "the bias";
  }
  if (has(p.how, kAux) && bad(p.how.aux, aux)) return "the auxiliary matrix";
  if (p.workspace_used > 0 && bad(p.workspace, p.workspace_used)) return "the workspace";
  if (!of_host && (bad(p.alpha_data, element) || bad(p.beta_data, element))) return "alpha or beta";
  return nullptr;
}

cublasStatus_t queue_product(const Product& product, cudaStream_t handle) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> stream = stream_for_work(handle, error);
  if (stream == nullptr) return CUBLAS_STATUS_EXECUTION_FAILED;
  const int device = stream->device;
  if (const char* part = unreachable_part(product, device); part != nullptr) {
    complain(std::string("cublasLtMatmul: ") + part + " is not memory of the device, or too short");
    make_sticky(device, cudaErrorIllegalAddress);
    return CUBLAS_STATUS_EXECUTION_FAILED;
  }
  error = queue(*stream, [product, device] {
    if (unreachable_part(product, device) == nullptr) {
      multiply(product);
    } else {
      complain("memory of a product was freed before it ran");
      make_sticky(device, cudaErrorIllegalAddress);
    }
    return true;
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

double host_scalar(const void* data, std::int32_t type) {
  return type == CUDA_R_64F ? *static_cast<const double*>(data)
                            : static_cast<double>(*static_cast<const float*>(data));
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* lightHandle) {
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *lightHandle = new cublasLtContext{device};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t lightHandle) {
  delete lightHandle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t operationDesc, cublasLtMatrixLayout_t Adesc,
    cublasLtMatrixLayout_t Bdesc, cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
    cublasLtMatmulPreference_t preference, int requestedAlgoCount,
    cublasLtMatmulHeuristicResult_t heuristicResultsArray[], int* returnAlgoCount) {
  *returnAlgoCount = 0;
  if (lightHandle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (requestedAlgoCount < 1 || preference == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const auto& how = *reinterpret_cast<const Description*>(operationDesc);
  const auto& wanted = *reinterpret_cast<const Preference*>(preference);
  const Layout& a = layout(Adesc);
  const Layout& d = layout(Ddesc);
  const cublasStatus_t status = judge(how, a, layout(Bdesc), layout(Cdesc), d);
  if (status != CUBLAS_STATUS_SUCCESS) return status;

  Algorithm algorithm = {};
  algorithm.mark = kMark;
  algorithm.kind = kind_of(how, a, d);
  algorithm.workspace = wanted.workspace < 4096 ? 0 : 4096;
  std::memcpy(algorithm.alignment, wanted.alignment, sizeof wanted.alignment);
  // Vectors of 16 bytes are the widest that kernels load.
  algorithm.bias_alignment = std::min(16u, alignment_of(how.bias));
  cublasLtMatmulHeuristicResult_t& result = heuristicResultsArray[0];
  result = {};
  std::memcpy(&result.algo, &algorithm, sizeof algorithm);
  result.workspaceSize = algorithm.workspace;
  result.state = CUBLAS_STATUS_SUCCESS;
  result.wavesCount = 1;
  *returnAlgoCount = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t computeDesc,
                              const void* alpha, const void* A, cublasLtMatrixLayout_t Adesc,
                              const void* B, cublasLtMatrixLayout_t Bdesc, const void* beta,
                              const void* C, cublasLtMatrixLayout_t Cdesc, void* D,
                              cublasLtMatrixLayout_t Ddesc, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, size_t workspaceSizeInBytes, cudaStream_t stream) {
  if (lightHandle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const auto& how = *reinterpret_cast<const Description*>(computeDesc);
  Product p = {how,
               layout(Adesc),
               layout(Bdesc),
               layout(Cdesc),
               layout(Ddesc),
               A,
               B,
               C,
               D,
               1,
               0,
               alpha,
               beta,
               workspace,
               0};
  const cublasStatus_t status = judge(how, p.a, p.b, p.c, p.d);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (how.pointer_mode == CUBLASLT_POINTER_MODE_HOST) {
    p.alpha = host_scalar(alpha, how.scale_type);
    p.beta = host_scalar(beta, how.scale_type);
  }
  if (reinterpret_cast<std::uintptr_t>(workspace) % 16 != 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (algo != nullptr) {
    Algorithm algorithm;
    std::memcpy(&algorithm, algo, sizeof algorithm);
    if (!algorithm_fits(algorithm, p, workspaceSizeInBytes)) return CUBLAS_STATUS_INVALID_VALUE;
    p.workspace_used = algorithm.workspace;
  }
  return queue_product(p, stream);
}

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR:
      return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return cublasLtGetStatusName(status);
}

size_t cublasLtGetVersion() {
  return CUBLAS_VERSION;
}
size_t cublasLtGetCudartVersion() {
  return CUDART_VERSION;
}
