// A pretended GPU: CUDA's runtime, language, cuBLASLt and NCCL, as far as Colonnade uses them, for
// a program that runs on the host. Sources of the CUDA backend are compiled as C++ against
// include/, and linked with this folder, so that a machine without a GPU judges their arithmetic
// and the host's logic. It is an adversary, not a convenience: what a GPU leaves open, it decides
// for the worst.
//
// It catches
// - a missing synchronization: work runs as late as it may, so results are not there, and pinned
//   memory is read when its copy runs;
// - a missing order between streams, in graphs too: a stream runs ahead only as far as events say;
// - host code that touches device memory: SIGSEGV, unless a queue is run at that time;
// - memory that is read before it is written, full of NaN; writes close by an allocation, when it
// is
//   freed and at the program's end; pointers to pageable or freed memory, or to another device's,
//   as arguments of kernels and libraries (not inside of structs);
// - __syncthreads and shuffles that not all threads reach, or not in the same line;
// - calls that a capture does not allow, and graphs that use memory that was freed since;
// - products that cuBLASLt would refuse, or for which its algorithm was not asked;
// - collectives that differ between ranks, and two ranks on one device.
//
// It does not catch races between threads or blocks of a kernel, which run one after the other, nor
// what depends on the memory model; shared memory that is read before it is written; dynamic shared
// memory and attributes of launches, which it refuses; and it says nothing about speed. Functions
// such as expf are the host's: last bits differ from a GPU's.
//
// Environment: PRETENDED_GPUS devices (1), each with PRETENDED_GPU_MEMORY bytes (8G).
//
// What lies where: fibers and block (threads of a kernel), address_range, device_memory and
// memory_calls, streams, events, copies, launch, capture and graphs, devices, errors, cublaslt_*,
// nccl_*.
#pragma once
