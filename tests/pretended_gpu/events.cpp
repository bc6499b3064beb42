// Events: moments of streams, or of a capture.
#include <memory>
#include <mutex>
#include <vector>

#include "capture.hpp"
#include "device_memory.hpp"
#include "devices.hpp"
#include "errors.hpp"
#include "streams.hpp"

using namespace pretended_gpu;

// Behind cudaEvent_t. Who waits for an event keeps the moment, not the event.
struct CUevent_st {
  int device = 0;
  bool timed = true;
  Moment moment;  // with no stream: never recorded, which is as good as reached
  std::weak_ptr<Capture> capture;
  std::size_t lane = 0;
  std::size_t position = 0;
};

namespace {

using Clock = std::chrono::steady_clock;

struct Events {
  std::mutex mutex;
  std::vector<std::unique_ptr<CUevent_st>> all;
};

Events& events() {
  static Events& the = *new Events;
  return the;
}

bool known(cudaEvent_t event) {
  const std::lock_guard lock(events().mutex);
  for (const auto& one : events().all) {
    if (one.get() == event) return true;
  }
  return false;
}

// enter(), and that the event exists.
cudaError_t enter_with(cudaEvent_t event) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  return report(known(event) ? cudaSuccess : cudaErrorInvalidResourceHandle);
}

}  // namespace

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  auto made = std::make_unique<CUevent_st>();
  made->device = current_device();
  made->timed = (flags & cudaEventDisableTiming) == 0;
  *event = made.get();
  const std::lock_guard lock(events().mutex);
  events().all.push_back(std::move(made));
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (const cudaError_t error = enter_with(event); error != cudaSuccess) return error;
  const std::lock_guard lock(events().mutex);
  std::erase_if(events().all, [&](const auto& one) { return one.get() == event; });
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = enter_with(event); error != cudaSuccess) return error;
  const std::shared_ptr<CUstream_st> found = find_stream(stream);
  if (found == nullptr || found->device != event->device) {
    return report(cudaErrorInvalidResourceHandle);
  }
  if (found->capture != nullptr) {
    event->capture = found->capture;
    event->lane = found->lane;
    event->position = found->capture->lanes[found->lane].size();
    return cudaSuccess;
  }
  event->capture.reset();
  auto time = std::make_shared<Clock::time_point>();
  const cudaError_t error = queue(*found, [time] {
    *time = Clock::now();
    return true;
  });
  event->moment = now_of(found);
  event->moment.time = std::move(time);
  return error;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  if (const cudaError_t error = enter_with(event); error != cudaSuccess) return error;
  const std::shared_ptr<CUstream_st> found = find_stream(stream);
  if (found == nullptr) return report(cudaErrorInvalidResourceHandle);
  const std::shared_ptr<Capture> capture = event->capture.lock();
  if (capture == nullptr && found->capture == nullptr) {
    return event->moment.reached() ? cudaSuccess : queue(*found, wait_for(event->moment));
  }
  if (capture == nullptr) {
    found->capture->invalidate();
    return report(cudaErrorStreamCaptureIsolation);
  }
  if (found->capture == nullptr) {
    found->capture = capture;
    found->lane = capture->lanes.size();
    capture->streams.push_back(found);
    capture->lanes.emplace_back();
  } else if (found->capture != capture) {
    capture->invalidate();
    found->capture->invalidate();
    return report(cudaErrorStreamCaptureMerge);
  }
  if (found->lane != event->lane) {
    capture->add_wait(found->lane, event->lane, event->position);
  }
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = enter_with(event); error != cudaSuccess) return error;
  if (const std::shared_ptr<Capture> capture = event->capture.lock(); capture != nullptr) {
    capture->invalidate();
    return report(cudaErrorCapturedEvent);
  }
  if (event->moment.stream != nullptr) event->moment.stream->run_until(event->moment.position);
  return report(sticky_error(event->device));
}

// As cudaStreamQuery: each "not yet" does one operation.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = enter_with(event); error != cudaSuccess) return error;
  if (const std::shared_ptr<Capture> capture = event->capture.lock(); capture != nullptr) {
    capture->invalidate();
    return report(cudaErrorCapturedEvent);
  }
  if (event->moment.reached()) return report(sticky_error(event->device));
  const DeviceMemoryOpen open;
  event->moment.stream->step();
  return report(cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  for (const cudaEvent_t event : {start, end}) {
    if (const cudaError_t error = enter_with(event); error != cudaSuccess) return error;
    if (!event->timed || event->moment.stream == nullptr) {
      return report(cudaErrorInvalidResourceHandle);
    }
    if (!event->moment.reached()) return report(cudaErrorNotReady);
  }
  *ms = std::chrono::duration<float, std::milli>(*end->moment.time - *start->moment.time).count();
  return cudaSuccess;
}
