// Which products cuBLASLt has: types, shapes, leading dimensions, epilogues.
#include <initializer_list>

#include "cublaslt.hpp"

namespace pretended_gpu {
namespace {

bool one_of(std::int64_t value, std::initializer_list<std::int64_t> values) {
  for (const std::int64_t v : values) {
    if (v == value) return true;
  }
  return false;
}

bool well_formed(const Layout& m) {
  if (m.rows == 0 || m.cols == 0 || !one_of(m.order, {CUBLASLT_ORDER_COL, CUBLASLT_ORDER_ROW})) {
    return false;
  }
  return m.ld >= static_cast<std::int64_t>(m.order == CUBLASLT_ORDER_COL ? m.rows : m.cols);
}

// The rows of the table in cuBLAS's manual that Colonnade can ask for.
bool types_supported(const Description& how, std::int32_t a, std::int32_t c) {
  switch (how.compute) {
    case CUBLAS_COMPUTE_64F:
    case CUBLAS_COMPUTE_64F_PEDANTIC:
      return how.scale_type == CUDA_R_64F && a == CUDA_R_64F && c == CUDA_R_64F;
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      if (how.scale_type != CUDA_R_32F) return false;
      return (a == CUDA_R_32F && c == CUDA_R_32F) ||
             (a == CUDA_R_16BF && one_of(c, {CUDA_R_32F, CUDA_R_16BF}));
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return how.scale_type == CUDA_R_32F && a == CUDA_R_32F && c == CUDA_R_32F;
    default:
      return false;
  }
}

bool aligned(const void* pointer, std::uintptr_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

cublasStatus_t judge_epilogue(const Description& how, const Layout& d) {
  if (!one_of(
          how.epilogue,
          {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_BIAS,
           CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_GELU, CUBLASLT_EPILOGUE_GELU_BIAS,
           CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DGELU,
           CUBLASLT_EPILOGUE_DGELU_BGRAD, CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB})) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (how.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return CUBLAS_STATUS_SUCCESS;
  // The manual: none of them where D is stored by rows.
  if (d.order == CUBLASLT_ORDER_ROW) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (how.bias_type != -1 && how.bias_type != d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (has(how, kAux)) {
    if (how.aux_type != -1 && how.aux_type != d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (how.aux_ld % 8 != 0 || how.aux_ld < static_cast<std::int64_t>(d.rows)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (!aligned(how.aux, 16)) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

std::size_t size_of(std::int32_t type) {
  return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2;
}

bool has(const Description& how, std::uint32_t bit) {
  return (how.epilogue & bit) != 0;
}

cublasStatus_t judge(const Description& how, const Layout& a, const Layout& b, const Layout& c,
                     const Layout& d) {
  for (const Layout* m : {&a, &b, &c, &d}) {
    if (!well_formed(*m)) return CUBLAS_STATUS_INVALID_VALUE;
  }
  const bool turn_a = how.trans_a != CUBLAS_OP_N;
  const bool turn_b = how.trans_b != CUBLAS_OP_N;
  const std::uint64_t k = turn_a ? a.rows : a.cols;
  if ((turn_a ? a.cols : a.rows) != d.rows || (turn_b ? b.rows : b.cols) != d.cols ||
      (turn_b ? b.cols : b.rows) != k || c.rows != d.rows || c.cols != d.cols) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (a.type != b.type || c.type != d.type || c.order != d.order ||
      !types_supported(how, a.type, d.type)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (!one_of(how.pointer_mode, {CUBLASLT_POINTER_MODE_HOST, CUBLASLT_POINTER_MODE_DEVICE})) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return judge_epilogue(how, d);
}

}  // namespace pretended_gpu
