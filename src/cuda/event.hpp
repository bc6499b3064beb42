// Streams beside that of the ops, and the events that put them in order.
#pragma once

#include "cuda/gpu.hpp"

namespace colonnade::gpu {

/// A place in a stream, for others to wait for.
class Event {
 public:
  Event() {
    stream();  // the thread's GPU is the current one from here on
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Is there when all that is queued in `stream` now is done. One that was never recorded is.
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }

  /// What is queued in `stream` from now on waits for it; the host doesn't.
  void hold(cudaStream_t stream) const {
    check(cudaStreamWaitEvent(stream, event_), "cudaStreamWaitEvent");
  }

  bool is_there() const {
    const cudaError_t code = cudaEventQuery(event_);
    if (code != cudaErrorNotReady) check(code, "cudaEventQuery");
    return code == cudaSuccess;
  }

  /// The host waits for it.
  void wait() const { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

  /// The same for what must not throw.
  void wait_quietly() const { cudaEventSynchronize(event_); }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Another stream of this thread. The GPU prefers its work to that of ops: it is short, and others
/// wait for it.
class SideStream {
 public:
  SideStream() {
    stream();
    int least = 0, greatest = 0;
    check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
    check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest),
          "cudaStreamCreateWithPriority");
  }
  ~SideStream() { cudaStreamDestroy(stream_); }
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace colonnade::gpu
