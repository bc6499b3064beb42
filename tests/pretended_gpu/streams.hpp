// Queues of work. Whatever is added to a stream runs as late as it may: when the host waits for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "include/cuda_runtime_api.h"

namespace pretended_gpu {

struct Capture;

// A piece of queued work. It answers whether it is complete; a collective that waits for its peers
// answers false and is called again. Copyable, as a graph runs it many times.
using Operation = std::function<bool()>;

// A point of a stream: reached once that many operations are complete.
struct Moment {
  std::shared_ptr<CUstream_st> stream;
  std::uint64_t position = 0;
  std::shared_ptr<std::chrono::steady_clock::time_point> time;

  bool reached() const;
};

}  // namespace pretended_gpu

// Behind cudaStream_t.
struct CUstream_st {
  CUstream_st(int device_, bool blocking_) : device(device_), blocking(blocking_) {}

  // Puts an operation into the queue, or into the graph that is being captured.
  cudaError_t add(pretended_gpu::Operation operation);

  // Calls the first operation once, unless another thread is at it. Answers whether it completed.
  bool step();
  // Runs the queue so far. Device memory is open meanwhile.
  void run_until(std::uint64_t position);

  std::uint64_t added() const;
  std::uint64_t done() const;

  const int device;
  const bool blocking;  // waits for, and is waited for by, the thread's default stream
  const std::thread::id owner = std::this_thread::get_id();
  bool destroyed = false;
  std::shared_ptr<pretended_gpu::Capture> capture;
  std::size_t lane = 0;  // of the capture

 private:
  mutable std::mutex mutex_;
  std::deque<pretended_gpu::Operation> queue_;
  std::uint64_t added_ = 0;
  std::uint64_t done_ = 0;
  bool running_ = false;
};

namespace pretended_gpu {

// The stream behind a handle, the thread's default stream for 0; null if it is none (any more).
std::shared_ptr<CUstream_st> find_stream(cudaStream_t handle);

// find_stream, and that the stream may be given work now. On an error the pointer is null.
std::shared_ptr<CUstream_st> stream_for_work(cudaStream_t handle, cudaError_t& error);

// Adds an operation and keeps the order between the default stream and blocking ones.
cudaError_t queue(CUstream_st& stream, Operation operation);

// Runs all that was queued for the device, by any thread.
void run_device(int device);

// Completes when the moment is reached, and runs the other stream towards it.
Operation wait_for(Moment moment);

// What a stream has been given so far.
Moment now_of(const std::shared_ptr<CUstream_st>& stream);

}  // namespace pretended_gpu
