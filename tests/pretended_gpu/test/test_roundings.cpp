// How numbers are rounded: TF32, bfloat16, NaN in an epilogue.
#include <cublasLt.h>
#include <cuda_bf16.h>

#include <cmath>
#include <limits>

#include "helpers.hpp"

namespace {

// A product of two numbers.
class OneByOne {
 public:
  explicit OneByOne(cublasComputeType_t compute) {
    cublasLtCreate(&handle_);
    cublasLtMatmulDescCreate(&how_, compute, CUDA_R_32F);
    cublasLtMatrixLayoutCreate(&layout_, CUDA_R_32F, 1, 1, 1);
  }
  ~OneByOne() {
    cublasLtMatrixLayoutDestroy(layout_);
    cublasLtMatmulDescDestroy(how_);
    cublasLtDestroy(handle_);
  }
  OneByOne(const OneByOne&) = delete;
  OneByOne& operator=(const OneByOne&) = delete;

  void use(cublasLtEpilogue_t epilogue) {
    cublasLtMatmulDescSetAttribute(how_, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
  }
  float operator()(float x, float y) {
    OnDevice<float> a(std::vector<float>{x}), b(std::vector<float>{y}), d(1);
    const float one = 1, zero = 0;
    CHECK(cublasLtMatmul(handle_, how_, &one, a.data(), layout_, b.data(), layout_, &zero, d.data(),
                         layout_, d.data(), layout_, nullptr, nullptr, 0,
                         nullptr) == CUBLAS_STATUS_SUCCESS);
    return d.to_host()[0];
  }

 private:
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t how_ = nullptr;
  cublasLtMatrixLayout_t layout_ = nullptr;
};

}  // namespace

TEST_CASE("the ReLU epilogue turns NaN into 0") {
  OneByOne multiply(CUBLAS_COMPUTE_32F);
  CHECK(std::isnan(multiply(std::numeric_limits<float>::quiet_NaN(), 1)));
  multiply.use(CUBLASLT_EPILOGUE_RELU);
  CHECK(multiply(std::numeric_limits<float>::quiet_NaN(), 1) == 0);
}

TEST_CASE("TF32 keeps 10 bits of the operands' mantissas") {
  const float ulp = 1.0f / 1024;
  OneByOne exact(CUBLAS_COMPUTE_32F_PEDANTIC);
  OneByOne tf32(CUBLAS_COMPUTE_32F_FAST_TF32);
  CHECK(exact(1 + ulp / 4, 3) == 3 * (1 + ulp / 4));
  CHECK(tf32(1 + ulp / 4, 3) == 3);
  CHECK(tf32(3, 1 + 3 * ulp / 4) == 3 * (1 + ulp));
  CHECK(tf32(1 + ulp, 1 + ulp) == (1 + ulp) * (1 + ulp));
  CHECK(tf32(-1 - ulp / 4, 1) == -1);
  CHECK(std::isinf(tf32(std::numeric_limits<float>::infinity(), 1)));
}

TEST_CASE("bfloat16 rounds to nearest, ties to even, and a double only once") {
  const float ulp = 1.0f / 128;
  const auto rounded = [](auto x) { return __bfloat162float(__nv_bfloat16(x)); };
  CHECK(rounded(1 + ulp / 2) == 1);
  CHECK(rounded(1 + 3 * ulp / 2) == 1 + 2 * ulp);
  CHECK(rounded(1 + 0.51f * ulp) == 1 + ulp);
  CHECK(rounded(1 + 0.5 * static_cast<double>(ulp) + 1e-12) == 1 + ulp);
  CHECK(rounded(1 + 1.5 * static_cast<double>(ulp) - 1e-12) == 1 + ulp);
  CHECK(std::isinf(rounded(std::numeric_limits<float>::max())));
  CHECK(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
}
