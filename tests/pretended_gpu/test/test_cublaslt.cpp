// cuBLASLt against loops: transposes, types, epilogues, and what it refuses.
#include <cublasLt.h>
#include <cuda_bf16.h>

#include <cmath>

#include "helpers.hpp"

namespace {

// Values that float and bfloat16 hold, and whose sums they hold as well.
std::vector<double> small_values(std::size_t n, int seed) {
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = static_cast<double>((i * 7 + static_cast<std::size_t>(seed) * 5) % 11) / 4 - 1;
  }
  return values;
}

// Memory of the device with elements of a type that is chosen when it runs.
class Array {
 public:
  Array(const std::vector<double>& values, cudaDataType_t type)
      : type_(type), bytes_(values.size() * width()) {
    std::vector<char> raw(bytes_);
    for (std::size_t i = 0; i < values.size(); ++i) put(raw, i, values[i]);
    REQUIRE(cudaMalloc(&data_, bytes_) == cudaSuccess);
    REQUIRE(cudaMemcpy(data_, raw.data(), bytes_, cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~Array() { cudaFree(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  void* data() { return data_; }
  std::vector<double> to_host() const {
    std::vector<char> raw(bytes_);
    REQUIRE(cudaMemcpy(raw.data(), data_, bytes_, cudaMemcpyDeviceToHost) == cudaSuccess);
    std::vector<double> values(bytes_ / width());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = get(raw, i);
    return values;
  }

 private:
  std::size_t width() const { return type_ == CUDA_R_64F ? 8 : type_ == CUDA_R_32F ? 4 : 2; }
  void put(std::vector<char>& raw, std::size_t i, double value) const {
    char* const at = raw.data() + i * width();
    if (type_ == CUDA_R_64F) *reinterpret_cast<double*>(at) = value;
    if (type_ == CUDA_R_32F) *reinterpret_cast<float*>(at) = static_cast<float>(value);
    if (type_ == CUDA_R_16BF) {
      *reinterpret_cast<__nv_bfloat16*>(at) = __float2bfloat16(static_cast<float>(value));
    }
  }
  double get(const std::vector<char>& raw, std::size_t i) const {
    const char* const at = raw.data() + i * width();
    if (type_ == CUDA_R_64F) return *reinterpret_cast<const double*>(at);
    if (type_ == CUDA_R_32F) return static_cast<double>(*reinterpret_cast<const float*>(at));
    return static_cast<double>(__bfloat162float(*reinterpret_cast<const __nv_bfloat16*>(at)));
  }

  cudaDataType_t type_;
  std::size_t bytes_;
  void* data_ = nullptr;
};

struct Types {
  cublasComputeType_t compute;
  cudaDataType_t scale, ab, cd;
};

// One product, its descriptors and their order.
struct Case {
  std::int64_t m = 5, n = 4, k = 3;
  bool turn_a = false, turn_b = false;
  Types types = {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F};
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  double alpha = 1, beta = 0;
  std::int64_t aux_ld = 8;
  std::uint32_t alignment = 256;
  std::size_t shift = 0;  // of A in bytes
};

struct Result {
  cublasStatus_t status;
  std::vector<double> d, bias, aux;
};

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

// By a difference, so that no formula is written twice.
double gelu_gradient(double x) {
  return (gelu(x + 1e-6) - gelu(x - 1e-6)) / 2e-6;
}

struct Operands {
  std::vector<double> a, b, c, bias, aux;
  explicit Operands(const Case& k)
      : a(small_values(static_cast<std::size_t>(k.m * k.k), 1)),
        b(small_values(static_cast<std::size_t>(k.k * k.n), 2)),
        c(small_values(static_cast<std::size_t>(k.m * k.n), 3)),
        bias(small_values(static_cast<std::size_t>(k.m > k.n ? k.m : k.n), 4)),
        aux(small_values(static_cast<std::size_t>(k.aux_ld * k.n), 5)) {}
};

template <typename T>
void set(cublasLtMatmulDesc_t how, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  REQUIRE(cublasLtMatmulDescSetAttribute(how, attribute, &value, sizeof value) ==
          CUBLAS_STATUS_SUCCESS);
}

Result compute(const Case& c) {
  const Operands values(c);
  std::vector<double> padded(c.shift / 4);
  padded.insert(padded.end(), values.a.begin(), values.a.end());
  Array a(padded, c.types.ab), b(values.b, c.types.ab), d(values.c, c.types.cd);
  Array bias(values.bias, c.types.cd), aux(values.aux, c.types.cd);

  cublasLtHandle_t handle;
  REQUIRE(cublasLtCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  cublasLtMatmulDesc_t how;
  cublasLtMatmulDescCreate(&how, c.types.compute, c.types.scale);
  set(how, CUBLASLT_MATMUL_DESC_TRANSA, c.turn_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(how, CUBLASLT_MATMUL_DESC_TRANSB, c.turn_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(how, CUBLASLT_MATMUL_DESC_EPILOGUE, c.epilogue);
  set(how, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias.data());
  set(how, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux.data());
  set(how, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, c.aux_ld);
  const auto layout = [](cudaDataType_t type, std::int64_t rows, std::int64_t cols) {
    cublasLtMatrixLayout_t made;
    cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows),
                               static_cast<std::uint64_t>(cols), rows);
    return made;
  };
  const cublasLtMatrixLayout_t of_a =
      layout(c.types.ab, c.turn_a ? c.k : c.m, c.turn_a ? c.m : c.k);
  const cublasLtMatrixLayout_t of_b =
      layout(c.types.ab, c.turn_b ? c.n : c.k, c.turn_b ? c.k : c.n);
  const cublasLtMatrixLayout_t of_d = layout(c.types.cd, c.m, c.n);
  cublasLtMatmulPreference_t preference;
  cublasLtMatmulPreferenceCreate(&preference);
  cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                                       &c.alignment, sizeof c.alignment);
  const std::size_t most = 1 << 16;
  cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most,
                                       sizeof most);
  OnDevice<char> workspace(most);
  cublasLtMatmulHeuristicResult_t found = {};
  int count = 0;
  Result result = {};
  result.status = cublasLtMatmulAlgoGetHeuristic(handle, how, of_a, of_b, of_d, of_d, preference, 1,
                                                 &found, &count);
  const float alpha[] = {static_cast<float>(c.alpha), static_cast<float>(c.beta)};
  const double wide_alpha[] = {c.alpha, c.beta};
  const bool wide = c.types.scale == CUDA_R_64F;
  if (result.status == CUBLAS_STATUS_SUCCESS) {
    CHECK(count == 1);
    result.status =
        cublasLtMatmul(handle, how, wide ? static_cast<const void*>(wide_alpha) : alpha,
                       static_cast<char*>(a.data()) + c.shift, of_a, b.data(), of_b,
                       wide ? static_cast<const void*>(wide_alpha + 1) : alpha + 1, d.data(), of_d,
                       d.data(), of_d, &found.algo, workspace.data(), found.workspaceSize, nullptr);
  }
  result.d = d.to_host();
  result.bias = bias.to_host();
  result.aux = aux.to_host();
  for (const cublasLtMatrixLayout_t made : {of_a, of_b, of_d}) cublasLtMatrixLayoutDestroy(made);
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatmulDescDestroy(how);
  cublasLtDestroy(handle);
  return result;
}

// The same by loops in double, and each result rounded once.
Result by_loops(const Case& c) {
  const Operands v(c);
  Result r = {CUBLAS_STATUS_SUCCESS, v.c, v.bias, v.aux};
  const auto at = [](const std::vector<double>& values, std::int64_t i) -> const double& {
    return values[static_cast<std::size_t>(i)];
  };
  const auto a = [&](std::int64_t i, std::int64_t j) {
    return at(v.a, c.turn_a ? j + i * c.k : i + j * c.m);
  };
  const auto b = [&](std::int64_t i, std::int64_t j) {
    return at(v.b, c.turn_b ? j + i * c.n : i + j * c.k);
  };
  const auto is = [&](auto... epilogues) { return ((c.epilogue == epilogues) || ...); };
  std::vector<double> row_sums(static_cast<std::size_t>(c.m));
  for (std::int64_t col = 0; col < c.n; ++col) {
    for (std::int64_t row = 0; row < c.m; ++row) {
      double x = c.beta * at(v.c, row + col * c.m);
      for (std::int64_t i = 0; i < c.k; ++i) x += c.alpha * a(row, i) * b(i, col);
      if (is(CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_GELU_BIAS,
             CUBLASLT_EPILOGUE_GELU_AUX_BIAS)) {
        x += at(v.bias, row);
      }
      const auto aux = static_cast<std::size_t>(row + col * c.aux_ld);
      if (is(CUBLASLT_EPILOGUE_GELU_AUX, CUBLASLT_EPILOGUE_GELU_AUX_BIAS)) r.aux[aux] = x;
      if (is(CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_RELU_BIAS)) x = x > 0 ? x : 0;
      if (is(CUBLASLT_EPILOGUE_GELU, CUBLASLT_EPILOGUE_GELU_BIAS, CUBLASLT_EPILOGUE_GELU_AUX,
             CUBLASLT_EPILOGUE_GELU_AUX_BIAS)) {
        x = gelu(x);
      }
      if (is(CUBLASLT_EPILOGUE_DGELU, CUBLASLT_EPILOGUE_DGELU_BGRAD))
        x *= gelu_gradient(v.aux[aux]);
      row_sums[static_cast<std::size_t>(row)] += x;
      r.d[static_cast<std::size_t>(row + col * c.m)] = x;
    }
  }
  for (std::int64_t row = 0; row < c.m; ++row) {
    double& bias = r.bias[static_cast<std::size_t>(row)];
    if (is(CUBLASLT_EPILOGUE_DGELU_BGRAD)) bias = row_sums[static_cast<std::size_t>(row)];
    if (!is(CUBLASLT_EPILOGUE_BGRADA)) continue;
    bias = 0;
    for (std::int64_t i = 0; i < c.k; ++i) bias += a(row, i);
  }
  for (std::int64_t col = 0; is(CUBLASLT_EPILOGUE_BGRADB) && col < c.n; ++col) {
    double& bias = r.bias[static_cast<std::size_t>(col)];
    bias = 0;
    for (std::int64_t i = 0; i < c.k; ++i) bias += b(i, col);
  }
  return r;
}

void check_close(const std::vector<double>& got, const std::vector<double>& want,
                 cudaDataType_t type) {
  // Half an ulp of the type, a little more for the sums before it, and the difference quotient.
  const double tolerance = type == CUDA_R_16BF ? 1.0 / 256 : 4e-7;
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(got[i] - want[i]) <= tolerance * (1 + std::abs(want[i])));
  }
}

void check_against_loops(const Case& c) {
  CAPTURE(c.epilogue);
  CAPTURE(c.turn_a);
  CAPTURE(c.turn_b);
  CAPTURE(c.types.compute);
  const Result got = compute(c);
  const Result want = by_loops(c);
  REQUIRE(got.status == CUBLAS_STATUS_SUCCESS);
  check_close(got.d, want.d, c.types.cd);
  check_close(got.bias, want.bias, c.types.cd);
  check_close(got.aux, want.aux, c.types.cd);
}

const Types kAllTypes[] = {
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    {CUBLAS_COMPUTE_32F_PEDANTIC, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    {CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F},
    {CUBLAS_COMPUTE_64F, CUDA_R_64F, CUDA_R_64F, CUDA_R_64F},
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_32F},
    {CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF},
};

}  // namespace

TEST_CASE("products of all types and transposes are those of loops") {
  for (const Types& types : kAllTypes) {
    for (int turned = 0; turned < 4; ++turned) {
      Case c;
      c.types = types;
      c.turn_a = turned % 2 == 1;
      c.turn_b = turned / 2 == 1;
      check_against_loops(c);
      c.alpha = 0.5;
      c.beta = 2;
      check_against_loops(c);
    }
  }
}

TEST_CASE("epilogues are those of loops") {
  for (const Types& types : kAllTypes) {
    for (const cublasLtEpilogue_t epilogue :
         {CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_BIAS,
          CUBLASLT_EPILOGUE_GELU, CUBLASLT_EPILOGUE_GELU_BIAS, CUBLASLT_EPILOGUE_GELU_AUX,
          CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DGELU, CUBLASLT_EPILOGUE_DGELU_BGRAD,
          CUBLASLT_EPILOGUE_BGRADA, CUBLASLT_EPILOGUE_BGRADB}) {
      Case c;
      c.types = types;
      c.epilogue = epilogue;
      check_against_loops(c);
    }
  }
}

TEST_CASE("types, strides and alignments that cuBLASLt does not take are refused") {
  Case c;
  c.types.ab = CUDA_R_64F;
  CHECK(compute(c).status == CUBLAS_STATUS_NOT_SUPPORTED);
  c = {};
  c.types = {CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F, CUDA_R_16BF, CUDA_R_16BF};
  CHECK(compute(c).status == CUBLAS_STATUS_NOT_SUPPORTED);
  c = {};
  c.epilogue = CUBLASLT_EPILOGUE_GELU_AUX;
  c.aux_ld = 9;
  CHECK(compute(c).status == CUBLAS_STATUS_INVALID_VALUE);
}

#ifndef __CUDACC__  // a GPU may do it all the same, or fault

TEST_CASE("an algorithm is only for the alignment that it was asked for") {
  Case c;
  c.shift = 8;
  CHECK(compute(c).status == CUBLAS_STATUS_INVALID_VALUE);
  c.alignment = 8;
  check_against_loops(c);
}

#endif
