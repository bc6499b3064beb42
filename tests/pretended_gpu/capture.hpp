// Work that is recorded instead of queued, to become a graph.
#pragma once

#include <mutex>
#include <thread>
#include <vector>

#include "streams.hpp"

namespace pretended_gpu {

// One step of a stream that takes part: an operation, or a wait for another lane.
struct Step {
  Operation operation;  // none: a wait
  std::size_t lane = 0;
  std::size_t position = 0;
};

// Each stream that takes part is a lane; lane 0 is the one in which the capture began.
using Lanes = std::vector<std::vector<Step>>;

struct Capture {
  cudaError_t add(std::size_t lane, Operation operation);
  void add_wait(std::size_t lane, std::size_t other, std::size_t position);
  void invalidate() { invalid = true; }

  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread = std::this_thread::get_id();
  std::vector<std::shared_ptr<CUstream_st>> streams;  // of the lanes
  Lanes lanes;
  bool invalid = false;
};

// For calls that are not allowed while a stream is captured, such as cudaMalloc: invalidates the
// captures that it disturbs and answers cudaErrorStreamCaptureUnsupported, if there are any.
cudaError_t refuse_in_capture();

}  // namespace pretended_gpu
