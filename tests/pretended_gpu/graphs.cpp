// Capture of streams into a graph, and its replay: lane 0 runs to its end, and every other lane
// only as far as somebody waits for it.
#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "capture.hpp"
#include "errors.hpp"
#include "streams.hpp"

using namespace pretended_gpu;

struct CUgraph_st {
  Lanes lanes;
};

struct CUgraphExec_st {
  Lanes lanes;
};

namespace {

struct Captures {
  std::mutex mutex;
  std::vector<std::shared_ptr<Capture>> all;
};

Captures& captures() {
  static Captures& the = *new Captures;
  return the;
}

// How far each lane is waited for by lane 0, directly or not.
void follow(const Lanes& lanes, std::size_t lane, std::size_t position,
            std::vector<std::size_t>& joined) {
  const std::size_t from = joined[lane];
  joined[lane] = std::max(from, position);
  for (std::size_t i = from; i < position; ++i) {
    const Step& step = lanes[lane][i];
    if (!step.operation && joined[step.lane] < step.position) {
      follow(lanes, step.lane, step.position, joined);
    }
  }
}

bool all_joined(const Lanes& lanes) {
  std::vector<std::size_t> joined(lanes.size());
  follow(lanes, 0, lanes[0].size(), joined);
  for (std::size_t lane = 1; lane < lanes.size(); ++lane) {
    if (joined[lane] < lanes[lane].size()) return false;
  }
  return true;
}

// One launch of a graph: its own copies of the operations, and how far each lane is.
struct Replay {
  Lanes lanes;
  std::vector<std::size_t> next;

  bool advance(std::size_t lane, std::size_t position) {
    for (; next[lane] < position; ++next[lane]) {
      Step& step = lanes[lane][next[lane]];
      if (!(step.operation ? step.operation() : advance(step.lane, step.position))) return false;
    }
    return true;
  }
};

void leave_capture(const std::shared_ptr<Capture>& capture) {
  for (const auto& stream : capture->streams) {
    if (stream->capture == capture) stream->capture = nullptr;
  }
  const std::lock_guard lock(captures().mutex);
  std::erase(captures().all, capture);
}

}  // namespace

namespace pretended_gpu {

cudaError_t Capture::add(std::size_t lane, Operation operation) {
  if (invalid) return cudaErrorStreamCaptureInvalidated;
  lanes[lane].push_back({std::move(operation), 0, 0});
  return cudaSuccess;
}

void Capture::add_wait(std::size_t lane, std::size_t other, std::size_t position) {
  lanes[lane].push_back({nullptr, other, position});
}

cudaError_t refuse_in_capture() {
  const std::lock_guard lock(captures().mutex);
  cudaError_t answer = cudaSuccess;
  for (const auto& capture : captures().all) {
    const bool own = capture->thread == std::this_thread::get_id();
    if (capture->mode == cudaStreamCaptureModeRelaxed) continue;
    if (capture->mode == cudaStreamCaptureModeThreadLocal && !own) continue;
    capture->invalidate();
    answer = cudaErrorStreamCaptureUnsupported;
  }
  return answer;
}

}  // namespace pretended_gpu

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> found = stream_for_work(stream, error);
  if (found == nullptr) return error;
  if (stream == nullptr || stream == cudaStreamLegacy) {
    return report(cudaErrorStreamCaptureUnsupported);
  }
  if (found->capture != nullptr) return report(cudaErrorIllegalState);
  auto capture = std::make_shared<Capture>();
  capture->mode = mode;
  capture->streams.push_back(found);
  capture->lanes.emplace_back();
  found->capture = capture;
  found->lane = 0;
  const std::lock_guard lock(captures().mutex);
  captures().all.push_back(std::move(capture));
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* pGraph) {
  cudaError_t error = cudaSuccess;
  *pGraph = nullptr;
  const std::shared_ptr<CUstream_st> found = stream_for_work(stream, error);
  if (found == nullptr) return error;
  const std::shared_ptr<Capture> capture = found->capture;
  if (capture == nullptr) return report(cudaErrorIllegalState);
  if (capture->streams.front() != found) return report(cudaErrorStreamCaptureUnmatched);
  if (capture->mode != cudaStreamCaptureModeRelaxed &&
      capture->thread != std::this_thread::get_id()) {
    return report(cudaErrorStreamCaptureWrongThread);
  }
  leave_capture(capture);
  if (capture->invalid) return report(cudaErrorStreamCaptureInvalidated);
  if (!all_joined(capture->lanes)) return report(cudaErrorStreamCaptureUnjoined);
  *pGraph = new CUgraph_st{std::move(capture->lanes)};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* pCaptureStatus) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  const std::shared_ptr<CUstream_st> found = find_stream(stream);
  if (found == nullptr) return report(cudaErrorInvalidResourceHandle);
  *pCaptureStatus = found->capture == nullptr ? cudaStreamCaptureStatusNone
                    : found->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                              : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* pGraphExec, cudaGraph_t graph,
                                 unsigned long long) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (graph == nullptr) return report(cudaErrorInvalidValue);
  *pGraphExec = new CUgraphExec_st{graph->lanes};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graphExec, cudaStream_t stream) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> found = stream_for_work(stream, error);
  if (found == nullptr) return error;
  if (graphExec == nullptr) return report(cudaErrorInvalidValue);
  return queue(*found, [replay = Replay{graphExec->lanes, std::vector<std::size_t>(
                                                              graphExec->lanes.size())}]() mutable {
    return replay.advance(0, replay.lanes[0].size());
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graphExec) {
  delete graphExec;
  return enter();
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return enter();
}
