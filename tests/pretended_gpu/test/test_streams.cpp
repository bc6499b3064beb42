// Streams and events: work runs late, copies read late, and only events make an order.
#include <thread>

#include "ordered_work.hpp"

namespace {

// Pinned memory of the host.
class Pinned {
 public:
  explicit Pinned(int value) {
    REQUIRE(cudaMallocHost(&data_, 4 * sizeof(int)) == cudaSuccess);
    fill(value);
  }
  ~Pinned() { cudaFreeHost(data_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  void fill(int value) {
    for (int i = 0; i < 4; ++i) data_[i] = value;
  }
  int* data() { return data_; }
  int operator[](int i) const { return data_[i]; }

 private:
  int* data_ = nullptr;
};

constexpr std::size_t kBytes = 4 * sizeof(int);

void count_up(void* counter) {
  ++*static_cast<int*>(counter);
}

void call_the_runtime(void* answer) {
  int device = 0;
  *static_cast<cudaError_t*>(answer) = cudaStreamCreate(reinterpret_cast<cudaStream_t*>(&device));
}

}  // namespace

#ifndef __CUDACC__  // a GPU may have been quicker

TEST_CASE("what is not waited for has not happened") {
  const Stream stream;
  OnDevice<int> on_device(std::vector<int>(4, 1));
  Pinned host(-1);
  launch(stream, add, on_device.data(), 41);
  REQUIRE(cudaMemcpyAsync(host.data(), on_device.data(), kBytes, cudaMemcpyDeviceToHost, stream) ==
          cudaSuccess);
  CHECK(host[0] == -1);
  CHECK(cudaStreamQuery(stream) == cudaErrorNotReady);
  CHECK(cudaGetLastError() == cudaErrorNotReady);
  // A copy in the default stream does not wait for this stream either.
  CHECK(cudaStreamSynchronize(nullptr) == cudaSuccess);
  CHECK(host[0] == -1);
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(host[0] == 42);
  CHECK(cudaStreamQuery(stream) == cudaSuccess);
}

TEST_CASE("a copy from pinned memory reads when it runs") {
  const Stream stream;
  OnDevice<int> on_device(4);
  Pinned host(1);
  cudaMemcpyAsync(on_device.data(), host.data(), kBytes, cudaMemcpyHostToDevice, stream);
  host.fill(2);
  cudaStreamSynchronize(stream);
  CHECK(on_device.to_host()[3] == 2);
}

TEST_CASE("streams are in no order without events") {
  const Stream one;
  const Stream other;
  OnDevice<int> values(std::vector<int>(4, 1));
  launch(one, add, values.data(), 1);
  launch(other, multiply, values.data(), 10);
  cudaStreamSynchronize(other);
  CHECK(values.to_host()[0] == 10);
  cudaStreamSynchronize(one);
  CHECK(values.to_host()[0] == 11);
}

TEST_CASE("a question that is answered \"not yet\" goes one step on") {
  const Stream stream;
  OnDevice<int> values(std::vector<int>(4, 1));
  cudaEvent_t event;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  launch(stream, add, values.data(), 1);
  cudaEventRecord(event, stream);
  int questions = 0;
  while (cudaEventQuery(event) == cudaErrorNotReady) ++questions;
  CHECK(questions == 2);
  cudaGetLastError();
  cudaEventDestroy(event);
}

#endif

TEST_CASE("a copy from pageable memory has the bytes when it returns") {
  const Stream stream;
  OnDevice<int> on_device(4);
  std::vector<int> host(4, 1);
  cudaMemcpyAsync(on_device.data(), host.data(), kBytes, cudaMemcpyHostToDevice, stream);
  host.assign(4, 2);
  cudaStreamSynchronize(stream);
  CHECK(on_device.to_host()[3] == 1);
}

TEST_CASE("a copy to pageable memory is complete when it returns") {
  const Stream stream;
  OnDevice<int> on_device(std::vector<int>(4, 1));
  std::vector<int> host(4);
  launch(stream, add, on_device.data(), 41);
  cudaMemcpyAsync(host.data(), on_device.data(), kBytes, cudaMemcpyDeviceToHost, stream);
  CHECK(host == std::vector<int>(4, 42));
}

TEST_CASE("a stream waits for another's event") {
  const Stream one;
  const Stream other;
  OnDevice<int> values(std::vector<int>(4, 1));
  cudaEvent_t event;
  REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
  launch(one, add, values.data(), 1);
  REQUIRE(cudaEventRecord(event, one) == cudaSuccess);
  launch(one, add, values.data(), 100);
  REQUIRE(cudaStreamWaitEvent(other, event) == cudaSuccess);
  // The wait is for what was recorded when it was queued.
  REQUIRE(cudaEventRecord(event, one) == cudaSuccess);
  REQUIRE(cudaEventDestroy(event) == cudaSuccess);
  launch(other, multiply, values.data(), 10);
#ifndef __CUDACC__
  cudaStreamSynchronize(other);
  CHECK(values.to_host()[0] == 20);
#endif
  cudaDeviceSynchronize();
  CHECK(values.to_host()[0] % 10 == 0);
}

TEST_CASE("the default stream and blocking streams wait for each other") {
  cudaStream_t blocking;
  REQUIRE(cudaStreamCreate(&blocking) == cudaSuccess);
  OnDevice<int> values(std::vector<int>(4, 1));
  launch(blocking, add, values.data(), 1);
  launch(nullptr, multiply, values.data(), 10);
  launch(blocking, add, values.data(), 3);
  cudaStreamSynchronize(blocking);
  CHECK(values.to_host()[0] == 23);
  launch(blocking, add, values.data(), 1);
  launch(nullptr, multiply, values.data(), 10);
  cudaStreamSynchronize(nullptr);
  CHECK(values.to_host()[0] == 240);
  cudaStreamDestroy(blocking);
}

TEST_CASE("work of a stream that was destroyed is done all the same") {
  OnDevice<int> values(std::vector<int>(4, 1));
  {
    const Stream stream;
    launch(stream, add, values.data(), 1);
  }
  cudaDeviceSynchronize();
  CHECK(values.to_host()[0] == 2);
}

TEST_CASE("a host function runs in its place and may not call the runtime") {
  const Stream stream;
  int count = 0;
  cudaError_t answer = cudaSuccess;
  cudaLaunchHostFunc(stream, count_up, &count);
  cudaLaunchHostFunc(stream, call_the_runtime, &answer);
#ifndef __CUDACC__
  CHECK(count == 0);
#endif
  cudaStreamSynchronize(stream);
  CHECK(count == 1);
  CHECK(answer == cudaErrorNotPermitted);
  cudaGetLastError();
}

TEST_CASE("times between events") {
  const Stream stream;
  cudaEvent_t begin;
  cudaEvent_t end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  cudaEventRecord(begin, stream);
  cudaEventRecord(end, stream);
  float ms = -1;
#ifndef __CUDACC__
  CHECK(cudaEventElapsedTime(&ms, begin, end) == cudaErrorNotReady);
  cudaGetLastError();
#endif
  CHECK(cudaEventSynchronize(end) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&ms, begin, end) == cudaSuccess);
  CHECK(ms >= 0);
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
}

TEST_CASE("rows of a matrix are copied with their strides") {
  const Stream stream;
  OnDevice<int> on_device(std::vector<int>(12, 0));
  const std::vector<int> host = {1, 2, 9, 3, 4, 9};
  REQUIRE(cudaMemcpy2DAsync(on_device.data() + 1, 16, host.data(), 12, 8, 2, cudaMemcpyHostToDevice,
                            stream) == cudaSuccess);
  cudaStreamSynchronize(stream);
  CHECK(on_device.to_host() == std::vector<int>{0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0});
  CHECK(cudaMemcpy2DAsync(on_device.data(), 4, host.data(), 12, 8, 2, cudaMemcpyHostToDevice,
                          stream) == cudaErrorInvalidPitchValue);
}

TEST_CASE("streams of several threads are independent") {
  int results[4] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &results] {
      int* values = nullptr;
      cudaMalloc(&values, kBytes);
      cudaStream_t stream;
      cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
      cudaMemsetAsync(values, 0, kBytes, stream);
      for (int i = 0; i < 100; ++i) {
        const cudaLaunchConfig_t config = grid_of(1, 4, stream);
        cudaLaunchKernelEx(&config, add, values, t);
      }
      int host[4];
      cudaMemcpyAsync(host, values, kBytes, cudaMemcpyDeviceToHost, stream);
      results[t] = host[3];
      cudaStreamDestroy(stream);
      cudaFree(values);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) CHECK(results[t] == 100 * t);
}
