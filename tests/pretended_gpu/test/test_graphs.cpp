// Capture and replay.
#include "ordered_work.hpp"

namespace {

class Event {
 public:
  Event() { REQUIRE(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming) == cudaSuccess); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// Ends the capture and makes the graph executable.
cudaGraphExec_t finish(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  return executable;
}

void begin(cudaStream_t stream) {
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
}

// The capture of `stream` is invalid, and ends so.
void check_invalidated(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamIsCapturing(stream, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusInvalidated);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
  CHECK(graph == nullptr);
  CHECK(cudaStreamIsCapturing(stream, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusNone);
  cudaGetLastError();
}

}  // namespace

TEST_CASE("captured work runs when its graph is launched, as often as that") {
  const Stream stream;
  OnDevice<int> values(std::vector<int>(4, 1));
  begin(stream);
  launch(stream, add, values.data(), 1);
  launch(stream, multiply, values.data(), 2);
  const cudaGraphExec_t graph = finish(stream);
  cudaStreamSynchronize(stream);
  CHECK(values.to_host()[0] == 1);
  CHECK(cudaGraphLaunch(graph, stream) == cudaSuccess);
  CHECK(cudaGraphLaunch(graph, stream) == cudaSuccess);
  launch(stream, add, values.data(), 5);
#ifndef __CUDACC__
  CHECK(values.to_host()[0] == 1);
#endif
  cudaGraphExecDestroy(graph);
  cudaStreamSynchronize(stream);
  CHECK(values.to_host()[0] == 15);
}

TEST_CASE("other streams join a capture by events") {
  const Stream stream;
  const Stream other;
  const Event forked;
  const Event joined;
  OnDevice<int> values(std::vector<int>(4, 1));
  begin(stream);
  launch(stream, add, values.data(), 1);
  CHECK(cudaEventRecord(forked, stream) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(other, forked) == cudaSuccess);
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamIsCapturing(other, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusActive);
  launch(other, multiply, values.data(), 10);
  CHECK(cudaEventRecord(joined, other) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(stream, joined) == cudaSuccess);
  launch(stream, add, values.data(), 3);
  const cudaGraphExec_t graph = finish(stream);
  CHECK(cudaStreamIsCapturing(other, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusNone);
  CHECK(cudaGraphLaunch(graph, stream) == cudaSuccess);
  cudaStreamSynchronize(stream);
  CHECK(values.to_host()[0] == 23);
  cudaGraphExecDestroy(graph);
}

#ifndef __CUDACC__  // on a GPU the order may be the one or the other

TEST_CASE("a graph keeps only the order that events made") {
  const Stream stream;
  const Stream other;
  const Event forked;
  const Event joined;
  OnDevice<int> values(std::vector<int>(4, 1));
  begin(stream);
  cudaEventRecord(forked, stream);
  cudaStreamWaitEvent(other, forked);
  launch(other, multiply, values.data(), 10);
  cudaEventRecord(joined, other);
  launch(stream, add, values.data(), 1);
  cudaStreamWaitEvent(stream, joined);
  const cudaGraphExec_t graph = finish(stream);
  cudaGraphLaunch(graph, stream);
  cudaStreamSynchronize(stream);
  CHECK(values.to_host()[0] == 20);
  cudaGraphExecDestroy(graph);
}

TEST_CASE("a graph that outlives its memory is a lasting error") {
  const Ending ending = in_child([] {
    const Stream stream;
    int* values = nullptr;
    cudaMalloc(&values, 16);
    begin(stream);
    launch(stream, add, values, 1);
    const cudaGraphExec_t graph = finish(stream);
    cudaFree(values);
    MUST(cudaGraphLaunch(graph, stream) == cudaSuccess);
    MUST(cudaStreamSynchronize(stream) == cudaErrorIllegalAddress);
  });
  CHECK(ending.status == 0);
  CHECK(says(ending, "argument 1 of a kernel"));
}

TEST_CASE("copies from pageable memory cannot be captured") {
  const Stream stream;
  OnDevice<int> values(4);
  int host[4] = {};
  begin(stream);
  CHECK(cudaMemcpyAsync(values.data(), host, 16, cudaMemcpyHostToDevice, stream) ==
        cudaErrorStreamCaptureUnsupported);
  check_invalidated(stream);
}

#endif

TEST_CASE("calls that a capture does not allow invalidate it") {
  const Stream stream;
  const Event event;
  OnDevice<int> values(std::vector<int>(4, 1));
  void* data = nullptr;

  begin(stream);
  CHECK(cudaMalloc(&data, 16) == cudaErrorStreamCaptureUnsupported);
  check_invalidated(stream);

  begin(stream);
  CHECK(cudaStreamSynchronize(stream) == cudaErrorStreamCaptureUnsupported);
  check_invalidated(stream);

  begin(stream);
  CHECK(cudaDeviceSynchronize() == cudaErrorStreamCaptureUnsupported);
  check_invalidated(stream);

  begin(stream);
  CHECK(cudaEventRecord(event, stream) == cudaSuccess);
  CHECK(cudaEventSynchronize(event) == cudaErrorCapturedEvent);
  check_invalidated(stream);

  const Stream other;
  CHECK(cudaEventRecord(event, other) == cudaSuccess);
  begin(stream);
  CHECK(cudaStreamWaitEvent(stream, event) == cudaErrorStreamCaptureIsolation);
  check_invalidated(stream);
}

TEST_CASE("a capture ends where it began, with all streams joined") {
  const Stream stream;
  const Stream other;
  const Event forked;
  OnDevice<int> values(std::vector<int>(4, 1));
  cudaGraph_t graph = nullptr;
  begin(stream);
  cudaEventRecord(forked, stream);
  cudaStreamWaitEvent(other, forked);
  launch(other, add, values.data(), 1);
  CHECK(cudaStreamEndCapture(other, &graph) == cudaErrorStreamCaptureUnmatched);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureUnjoined);
  cudaGetLastError();
}
