// Streams and how their queues are run. A queue may be run by several threads, one operation at a
// time; nobody holds a lock while an operation runs, for it may have to wait for another thread's.
#include "streams.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "capture.hpp"
#include "device_memory.hpp"
#include "devices.hpp"
#include "errors.hpp"

using namespace pretended_gpu;

cudaError_t CUstream_st::add(Operation operation) {
  if (capture != nullptr) return capture->add(lane, std::move(operation));
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(operation));
  ++added_;
  return cudaSuccess;
}

bool CUstream_st::step() {
  std::unique_lock lock(mutex_);
  if (running_ || queue_.empty()) return false;
  running_ = true;
  Operation operation = std::move(queue_.front());
  lock.unlock();
  // After a fault nothing of the device runs any more.
  const bool complete = sticky_error(device) != cudaSuccess || operation();
  lock.lock();
  running_ = false;
  if (complete) {
    queue_.pop_front();
    ++done_;
  } else {
    queue_.front() = std::move(operation);
  }
  return complete;
}

void CUstream_st::run_until(std::uint64_t position) {
  if (done() >= position) return;
  const DeviceMemoryOpen open;
  for (int idle = 0; done() < position; ++idle) {
    if (step()) {
      idle = 0;
    } else if (idle < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

std::uint64_t CUstream_st::added() const {
  const std::lock_guard lock(mutex_);
  return added_;
}

std::uint64_t CUstream_st::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

namespace pretended_gpu {
namespace {

struct Streams {
  std::mutex mutex;
  std::vector<std::shared_ptr<CUstream_st>> all;
};

// Never destroyed: destructors of static objects may still wait for streams.
Streams& streams() {
  static Streams& the = *new Streams;
  return the;
}

std::shared_ptr<CUstream_st> add_stream(int device, bool blocking) {
  auto stream = std::make_shared<CUstream_st>(device, blocking);
  const std::lock_guard lock(streams().mutex);
  streams().all.push_back(stream);
  return stream;
}

// The real one belongs to all threads of the process. One for each thread is enough where ranks are
// threads, and does not let them wait for each other.
std::shared_ptr<CUstream_st> default_stream() {
  thread_local std::map<int, std::shared_ptr<CUstream_st>> of_devices;
  std::shared_ptr<CUstream_st>& stream = of_devices[current_device()];
  if (stream == nullptr) stream = add_stream(current_device(), false);
  return stream;
}

std::vector<std::shared_ptr<CUstream_st>> streams_of(int device) {
  const std::lock_guard lock(streams().mutex);
  std::vector<std::shared_ptr<CUstream_st>> found;
  for (const auto& stream : streams().all) {
    if (stream->device == device) found.push_back(stream);
  }
  return found;
}

}  // namespace

bool Moment::reached() const {
  return stream == nullptr || stream->done() >= position;
}

Moment now_of(const std::shared_ptr<CUstream_st>& stream) {
  return {stream, stream->added(), nullptr};
}

Operation wait_for(Moment moment) {
  return [moment = std::move(moment)] {
    if (!moment.reached()) moment.stream->step();
    return moment.reached();
  };
}

std::shared_ptr<CUstream_st> find_stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return default_stream();
  const std::lock_guard lock(streams().mutex);
  const auto found = std::find_if(
      streams().all.begin(), streams().all.end(),
      [&](const auto& stream) { return stream.get() == handle && !stream->destroyed; });
  return found == streams().all.end() ? nullptr : *found;
}

std::shared_ptr<CUstream_st> stream_for_work(cudaStream_t handle, cudaError_t& error) {
  error = enter();
  if (error != cudaSuccess) return nullptr;
  std::shared_ptr<CUstream_st> stream = find_stream(handle);
  if (stream == nullptr || stream->device != current_device()) {
    complain(stream == nullptr ? "a stream that is none"
                               : "work of one device for a stream of another");
    error = report(cudaErrorInvalidResourceHandle);
    return nullptr;
  }
  return stream;
}

cudaError_t queue(CUstream_st& stream, Operation operation) {
  if (stream.capture != nullptr) return report(stream.add(std::move(operation)));
  const std::shared_ptr<CUstream_st> standard = default_stream();
  if (&stream == standard.get()) {
    for (const auto& other : streams_of(stream.device)) {
      if (!other->blocking || other->owner != stream.owner) continue;
      if (other->capture != nullptr) return report(cudaErrorStreamCaptureImplicit);
      if (!now_of(other).reached()) stream.add(wait_for(now_of(other)));
    }
  } else if (stream.blocking && !now_of(standard).reached()) {
    stream.add(wait_for(now_of(standard)));
  }
  return report(stream.add(std::move(operation)));
}

void run_device(int device) {
  for (const auto& stream : streams_of(device)) stream->run_until(stream->added());
  const std::lock_guard lock(streams().mutex);
  std::erase_if(streams().all,
                [](const auto& s) { return s->destroyed && s->done() == s->added(); });
}

}  // namespace pretended_gpu

cudaError_t cudaStreamCreate(cudaStream_t* pStream) {
  return cudaStreamCreateWithFlags(pStream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* pStream, unsigned int flags) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (flags > cudaStreamNonBlocking) return report(cudaErrorInvalidValue);
  *pStream = add_stream(current_device(), flags == cudaStreamDefault).get();
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* pStream, unsigned int flags, int) {
  return cudaStreamCreateWithFlags(pStream, flags);
}

// Its work need not be complete; it stays in the list until that is so. At the end of a thread its
// default stream may be gone already, and is not asked for.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  const bool is_default = stream == nullptr || stream == cudaStreamLegacy;
  const std::shared_ptr<CUstream_st> found = is_default ? nullptr : find_stream(stream);
  if (found == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (found->capture != nullptr) found->capture->invalidate();
  found->capture = nullptr;
  const std::lock_guard lock(streams().mutex);
  found->destroyed = true;
  if (found->done() == found->added()) std::erase(streams().all, found);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  const std::shared_ptr<CUstream_st> found = find_stream(stream);
  if (found == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (found->capture != nullptr) {
    found->capture->invalidate();
    return report(cudaErrorStreamCaptureUnsupported);
  }
  if (found == default_stream()) queue(*found, [] { return true; });
  found->run_until(found->added());
  return report(sticky_error(found->device));
}

// Each question that is answered "not yet" does one operation, so that who asks often enough ends.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  const std::shared_ptr<CUstream_st> found = find_stream(stream);
  if (found == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (found->capture != nullptr) {
    found->capture->invalidate();
    return report(cudaErrorStreamCaptureUnsupported);
  }
  if (found->done() == found->added()) return report(sticky_error(found->device));
  const DeviceMemoryOpen open;
  found->step();
  return report(cudaErrorNotReady);
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (const cudaError_t error = refuse_in_capture(); error != cudaSuccess) return report(error);
  run_device(current_device());
  return report(sticky_error(current_device()));
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void* userData) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> found = stream_for_work(stream, error);
  if (found == nullptr) return error;
  return queue(*found, [fn, userData] {
    const InHostFunction in_host_function;
    fn(userData);
    return true;
  });
}
