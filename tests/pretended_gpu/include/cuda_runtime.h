// A pretended GPU: CUDA's runtime, language, cuBLASLt and NCCL, as far as Colonnade uses them, for
// a program that runs on the host. Sources of the CUDA backend are compiled as C++ against
// include/, and linked with this folder, so that a machine without a GPU judges their arithmetic
// and the host's logic. It is an adversary, not a convenience: what a GPU leaves open, it decides
// for the worst.
//
// It catches
// - a missing synchronization: work runs as late as it may, so results are not there, and pinned
//   memory is read when its copy runs (of collectives of NCCL not later than peers wait for them);
// - a missing order between streams, in graphs too: a stream runs ahead only as far as events say;
// - host code that touches device memory: SIGSEGV, unless a queue is run at that time;
// - memory that is read before it is written, for it is full of NaN;
// - writes close by an allocation, when it is freed or at the program's end;
// - pointers to pageable or freed memory, or to another device's, as arguments of kernels and
//   libraries (not inside of structs);
// - __syncthreads and shuffles that not all threads reach, or not in the same line;
// - calls that a capture does not allow, and graphs that use memory that was freed since;
// - threads of a block that don't wait for one another where they must, if the suite is run in more
//   than one order (PRETENDED_GPU_ORDER): one of them then has another result;
// - products that cuBLASLt would refuse, or for which its algorithm was not asked;
// - collectives that differ between ranks, and two ranks on one device.
//
// Threads and blocks of a kernel run one after the other: it does not catch what only happens at
// the same time, nor what depends on the memory model; shared memory that is read before it is
// written; dynamic shared memory and attributes of launches, which it refuses; and it says nothing
// about speed. Functions such as expf are the host's: last bits differ from a GPU's.
//
// Environment: PRETENDED_GPUS devices (1), each with PRETENDED_GPU_MEMORY bytes (8G), of the compute
// capability PRETENDED_GPU_ARCH (90). Threads and blocks run in PRETENDED_GPU_ORDER: forward (the
// default), reverse, or a number, which shuffles.
//
// What lies where: fibers, block and order (threads of a kernel), address_range, device_memory and
// memory_calls, streams, events, copies, launch, capture and graphs, devices, errors, cublaslt_*,
// nccl_*.
#ifndef PRETENDED_GPU_CUDA_RUNTIME_H
#define PRETENDED_GPU_CUDA_RUNTIME_H

#include "cuda_runtime_api.h"
#include "pretended_gpu/device_math.h"
#include "pretended_gpu/language.h"
#include "pretended_gpu/launch.h"

// The real header types these too, so that &pointer of any type is accepted.
template <typename T>
cudaError_t cudaMalloc(T** devPtr, size_t size) {
  return ::cudaMalloc(reinterpret_cast<void**>(devPtr), size);
}
template <typename T>
cudaError_t cudaMallocHost(T** ptr, size_t size, unsigned int flags = 0) {
  return ::cudaHostAlloc(reinterpret_cast<void**>(ptr), size, flags);
}
template <typename T>
cudaError_t cudaHostAlloc(T** ptr, size_t size, unsigned int flags) {
  return ::cudaHostAlloc(reinterpret_cast<void**>(ptr), size, flags);
}
template <typename T>
cudaError_t cudaMallocManaged(T** devPtr, size_t size, unsigned int flags = cudaMemAttachGlobal) {
  return ::cudaMallocManaged(reinterpret_cast<void**>(devPtr), size, flags);
}
inline cudaError_t cudaEventCreate(cudaEvent_t* event, unsigned int flags) {
  return ::cudaEventCreateWithFlags(event, flags);
}
template <typename T>
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes* attr, T* entry) {
  return ::cudaFuncGetAttributes(attr, reinterpret_cast<const void*>(entry));
}
template <typename T>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, T func, int blockSize,
                                                          size_t dynamicSMemSize) {
  return ::cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      numBlocks, reinterpret_cast<const void*>(func), blockSize, dynamicSMemSize);
}

#endif
