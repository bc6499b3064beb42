// Names with values that sources may depend on. Compiled with the pretended headers and, by
// compile_with_nvcc.sh, with the real ones, it says that both mean the same.
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <nccl.h>

#include <type_traits>

#define X(name, value, text) static_assert(name == value);
#include "../include/pretended_gpu/error_list.h"
#undef X

#define SAME(name, value) static_assert(static_cast<long long>(name) == (value))

// cuda_runtime_api.h
SAME(cudaMemcpyHostToHost, 0);
SAME(cudaMemcpyHostToDevice, 1);
SAME(cudaMemcpyDeviceToHost, 2);
SAME(cudaMemcpyDeviceToDevice, 3);
SAME(cudaMemcpyDefault, 4);
SAME(cudaMemoryTypeUnregistered, 0);
SAME(cudaMemoryTypeHost, 1);
SAME(cudaMemoryTypeDevice, 2);
SAME(cudaMemoryTypeManaged, 3);
SAME(cudaDevAttrMaxThreadsPerBlock, 1);
SAME(cudaDevAttrMaxBlockDimX, 2);
SAME(cudaDevAttrMaxGridDimX, 5);
SAME(cudaDevAttrMaxGridDimY, 6);
SAME(cudaDevAttrMaxGridDimZ, 7);
SAME(cudaDevAttrMaxSharedMemoryPerBlock, 8);
SAME(cudaDevAttrWarpSize, 10);
SAME(cudaDevAttrClockRate, 13);
SAME(cudaDevAttrMultiProcessorCount, 16);
SAME(cudaDevAttrPciBusId, 33);
SAME(cudaDevAttrPciDeviceId, 34);
SAME(cudaDevAttrMemoryClockRate, 36);
SAME(cudaDevAttrGlobalMemoryBusWidth, 37);
SAME(cudaDevAttrL2CacheSize, 38);
SAME(cudaDevAttrMaxThreadsPerMultiProcessor, 39);
SAME(cudaDevAttrUnifiedAddressing, 41);
SAME(cudaDevAttrPciDomainId, 50);
SAME(cudaDevAttrComputeCapabilityMajor, 75);
SAME(cudaDevAttrComputeCapabilityMinor, 76);
SAME(cudaDevAttrManagedMemory, 83);
SAME(cudaDevAttrConcurrentManagedAccess, 89);
SAME(cudaStreamCaptureStatusNone, 0);
SAME(cudaStreamCaptureStatusActive, 1);
SAME(cudaStreamCaptureStatusInvalidated, 2);
SAME(cudaStreamCaptureModeGlobal, 0);
SAME(cudaStreamCaptureModeThreadLocal, 1);
SAME(cudaStreamCaptureModeRelaxed, 2);
SAME(cudaHostAllocDefault, 0x00);
SAME(cudaHostAllocPortable, 0x01);
SAME(cudaHostAllocMapped, 0x02);
SAME(cudaHostAllocWriteCombined, 0x04);
SAME(cudaStreamDefault, 0x00);
SAME(cudaStreamNonBlocking, 0x01);
SAME(cudaEventDefault, 0x00);
SAME(cudaEventBlockingSync, 0x01);
SAME(cudaEventDisableTiming, 0x02);
SAME(cudaEventWaitDefault, 0x00);
SAME(cudaMemAttachGlobal, 0x01);

// library_types.h
SAME(CUDA_R_16F, 2);
SAME(CUDA_R_16BF, 14);
SAME(CUDA_R_32F, 0);
SAME(CUDA_R_64F, 1);
SAME(CUDA_R_8I, 3);
SAME(CUDA_R_8U, 8);
SAME(CUDA_R_32I, 10);
SAME(CUDA_R_64I, 24);

// cublas_api.h
SAME(CUBLAS_STATUS_SUCCESS, 0);
SAME(CUBLAS_STATUS_NOT_INITIALIZED, 1);
SAME(CUBLAS_STATUS_ALLOC_FAILED, 3);
SAME(CUBLAS_STATUS_INVALID_VALUE, 7);
SAME(CUBLAS_STATUS_ARCH_MISMATCH, 8);
SAME(CUBLAS_STATUS_MAPPING_ERROR, 11);
SAME(CUBLAS_STATUS_EXECUTION_FAILED, 13);
SAME(CUBLAS_STATUS_INTERNAL_ERROR, 14);
SAME(CUBLAS_STATUS_NOT_SUPPORTED, 15);
SAME(CUBLAS_STATUS_LICENSE_ERROR, 16);
SAME(CUBLAS_OP_N, 0);
SAME(CUBLAS_OP_T, 1);
SAME(CUBLAS_OP_C, 2);
SAME(CUBLAS_POINTER_MODE_HOST, 0);
SAME(CUBLAS_POINTER_MODE_DEVICE, 1);
SAME(CUBLAS_COMPUTE_16F, 64);
SAME(CUBLAS_COMPUTE_32F, 68);
SAME(CUBLAS_COMPUTE_32F_PEDANTIC, 69);
SAME(CUBLAS_COMPUTE_32F_FAST_16F, 74);
SAME(CUBLAS_COMPUTE_32F_FAST_16BF, 75);
SAME(CUBLAS_COMPUTE_32F_FAST_TF32, 77);
SAME(CUBLAS_COMPUTE_64F, 70);
SAME(CUBLAS_COMPUTE_64F_PEDANTIC, 71);
SAME(CUBLAS_COMPUTE_32I, 72);

// cublasLt.h
SAME(CUBLASLT_ORDER_COL, 0);
SAME(CUBLASLT_ORDER_ROW, 1);
SAME(CUBLASLT_MATRIX_LAYOUT_TYPE, 0);
SAME(CUBLASLT_MATRIX_LAYOUT_ORDER, 1);
SAME(CUBLASLT_MATRIX_LAYOUT_ROWS, 2);
SAME(CUBLASLT_MATRIX_LAYOUT_COLS, 3);
SAME(CUBLASLT_MATRIX_LAYOUT_LD, 4);
SAME(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, 0);
SAME(CUBLASLT_MATMUL_DESC_SCALE_TYPE, 1);
SAME(CUBLASLT_MATMUL_DESC_POINTER_MODE, 2);
SAME(CUBLASLT_MATMUL_DESC_TRANSA, 3);
SAME(CUBLASLT_MATMUL_DESC_TRANSB, 4);
SAME(CUBLASLT_MATMUL_DESC_EPILOGUE, 7);
SAME(CUBLASLT_MATMUL_DESC_BIAS_POINTER, 8);
SAME(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, 11);
SAME(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, 12);
SAME(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, 22);
SAME(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, 26);
SAME(CUBLASLT_REDUCTION_SCHEME_NONE, 0);
SAME(CUBLASLT_REDUCTION_SCHEME_INPLACE, 1);
SAME(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 2);
SAME(CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE, 4);
SAME(CUBLASLT_REDUCTION_SCHEME_MASK, 0x7);
SAME(CUBLASLT_EPILOGUE_DEFAULT, 1);
SAME(CUBLASLT_EPILOGUE_RELU, 2);
SAME(CUBLASLT_EPILOGUE_BIAS, 4);
SAME(CUBLASLT_EPILOGUE_GELU, 32);
SAME(CUBLASLT_EPILOGUE_BGRADA, 256);
SAME(CUBLASLT_EPILOGUE_BGRADB, 512);
SAME(CUBLASLT_MATMUL_PREF_SEARCH_MODE, 0);
SAME(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1);
SAME(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, 3);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 5);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 6);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 7);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 8);

// nccl.h
SAME(ncclSuccess, 0);
SAME(ncclUnhandledCudaError, 1);
SAME(ncclSystemError, 2);
SAME(ncclInternalError, 3);
SAME(ncclInvalidArgument, 4);
SAME(ncclInvalidUsage, 5);
SAME(ncclRemoteError, 6);
SAME(ncclInProgress, 7);
SAME(ncclSum, 0);
SAME(ncclProd, 1);
SAME(ncclMax, 2);
SAME(ncclMin, 3);
SAME(ncclAvg, 4);
SAME(ncclNumOps, 5);
SAME(ncclInt8, 0);
SAME(ncclChar, 0);
SAME(ncclUint8, 1);
SAME(ncclInt32, 2);
SAME(ncclInt, 2);
SAME(ncclUint32, 3);
SAME(ncclInt64, 4);
SAME(ncclUint64, 5);
SAME(ncclFloat16, 6);
SAME(ncclHalf, 6);
SAME(ncclFloat32, 7);
SAME(ncclFloat, 7);
SAME(ncclFloat64, 8);
SAME(ncclDouble, 8);
SAME(ncclBfloat16, 9);
SAME(NCCL_UNIQUE_ID_BYTES, 128);
SAME(NCCL_SPLIT_NOCOLOR, -1);

// Epilogues that are put together from others
SAME(CUBLASLT_EPILOGUE_RELU_AUX, 130);
SAME(CUBLASLT_EPILOGUE_RELU_BIAS, 6);
SAME(CUBLASLT_EPILOGUE_DRELU, 136);
SAME(CUBLASLT_EPILOGUE_GELU_AUX, 160);
SAME(CUBLASLT_EPILOGUE_GELU_BIAS, 36);
SAME(CUBLASLT_EPILOGUE_GELU_AUX_BIAS, 164);
SAME(CUBLASLT_EPILOGUE_DGELU, 192);
SAME(CUBLASLT_EPILOGUE_DGELU_BGRAD, 208);

#undef SAME

static_assert(sizeof(cublasLtMatmulAlgo_t) == 64 && sizeof(cublasLtMatmulHeuristicResult_t) == 96);
static_assert(sizeof(ncclUniqueId) == 128 && sizeof(__nv_bfloat16) == 2);
static_assert(alignof(float4) == 16 && alignof(double2) == 16 && alignof(uchar4) == 4);

// Signatures of C functions, which have no overloads.
template <typename Wanted, typename Found>
constexpr bool same = std::is_same_v<Wanted, Found>;
static_assert(same<decltype(cudaMemcpyAsync),
                   cudaError_t(void*, const void*, size_t, cudaMemcpyKind, cudaStream_t)>);
static_assert(
    same<decltype(cudaMemcpy2DAsync), cudaError_t(void*, size_t, const void*, size_t, size_t,
                                                  size_t, cudaMemcpyKind, cudaStream_t)>);
static_assert(
    same<decltype(cudaStreamWaitEvent), cudaError_t(cudaStream_t, cudaEvent_t, unsigned)>);
static_assert(same<decltype(cudaLaunchHostFunc), cudaError_t(cudaStream_t, cudaHostFn_t, void*)>);
static_assert(same<decltype(cudaGraphLaunch), cudaError_t(cudaGraphExec_t, cudaStream_t)>);
static_assert(same<decltype(cudaStreamEndCapture), cudaError_t(cudaStream_t, cudaGraph_t*)>);
static_assert(same<decltype(cudaDeviceGetPCIBusId), cudaError_t(char*, int, int)>);
static_assert(same<decltype(ncclAllReduce), ncclResult_t(const void*, void*, size_t, ncclDataType_t,
                                                         ncclRedOp_t, ncclComm_t, cudaStream_t)>);
static_assert(
    same<decltype(ncclCommSplit), ncclResult_t(ncclComm_t, int, int, ncclComm_t*, ncclConfig_t*)>);
static_assert(same<decltype(ncclRecv),
                   ncclResult_t(void*, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t)>);
static_assert(
    same<decltype(cublasLtMatrixLayoutCreate),
         cublasStatus_t(cublasLtMatrixLayout_t*, cudaDataType, uint64_t, uint64_t, int64_t)>);
static_assert(
    same<decltype(cublasLtMatmul),
         cublasStatus_t(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*,
                        cublasLtMatrixLayout_t, const void*, cublasLtMatrixLayout_t, const void*,
                        const void*, cublasLtMatrixLayout_t, void*, cublasLtMatrixLayout_t,
                        const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t)>);
