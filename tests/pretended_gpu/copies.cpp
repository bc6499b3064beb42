// Copies and fills. From pinned memory a copy reads when it runs; from pageable memory it takes the
// bytes at once, and to pageable memory it is complete when it returns, as on a GPU.
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture.hpp"
#include "device_memory.hpp"
#include "devices.hpp"
#include "errors.hpp"
#include "streams.hpp"

using namespace pretended_gpu;

namespace {

// Rows of `width` bytes; an ordinary copy has one.
struct Rows {
  void* to;
  std::size_t to_pitch;
  const void* from;
  std::size_t from_pitch;
  std::size_t width;
  std::size_t height;

  std::size_t to_span() const { return (height - 1) * to_pitch + width; }
  std::size_t from_span() const { return (height - 1) * from_pitch + width; }
};

void copy_rows(const Rows& r) {
  for (std::size_t row = 0; row < r.height; ++row) {
    std::memcpy(static_cast<char*>(r.to) + row * r.to_pitch,
                static_cast<const char*>(r.from) + row * r.from_pitch, r.width);
  }
}

bool pageable(const void* pointer) {
  return !find_allocation(pointer);
}

// Whether `pointer` can be the side of a copy that `kind` says it is, with all its bytes. Managed
// memory can be both.
bool fits(const void* pointer, std::size_t bytes, bool on_device, bool any, int device) {
  const std::optional<Allocation> a = find_allocation(pointer);
  if (!a) return any || !on_device;
  if (!reachable(pointer, bytes, device)) return false;
  return any || a->type == cudaMemoryTypeManaged || (a->type == cudaMemoryTypeDevice) == on_device;
}

bool fits(const Rows& r, cudaMemcpyKind kind, int device) {
  const bool any = kind == cudaMemcpyDefault;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (fits(r.to, r.to_span(), to_device, any, device) &&
      fits(r.from, r.from_span(), from_device, any, device)) {
    return true;
  }
  complain("a copy of " + std::to_string(r.width * r.height) +
           " bytes leaves its memory, or its direction is wrong");
  return false;
}

// Queues the copy. Memory that is pinned may be gone when it runs.
cudaError_t queue_copy(CUstream_st& stream, const Rows& rows) {
  const int device = stream.device;
  const bool to_known = !pageable(rows.to);
  const bool from_known = !pageable(rows.from);
  return queue(stream, [rows, device, to_known, from_known] {
    if ((to_known && !reachable(rows.to, rows.to_span(), device)) ||
        (from_known && !reachable(rows.from, rows.from_span(), device))) {
      complain("memory was freed before its copy ran");
      make_sticky(device, cudaErrorIllegalAddress);
    } else {
      copy_rows(rows);
    }
    return true;
  });
}

cudaError_t queue_staged(CUstream_st& stream, Rows rows) {
  auto staged = std::make_shared<std::vector<char>>(rows.width * rows.height);
  copy_rows({staged->data(), rows.width, rows.from, rows.from_pitch, rows.width, rows.height});
  rows.from = staged->data();
  rows.from_pitch = rows.width;
  return queue(stream, [rows, staged] {
    copy_rows(rows);
    return true;
  });
}

cudaError_t copy_async(const Rows& rows, cudaMemcpyKind kind, cudaStream_t handle) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> stream = stream_for_work(handle, error);
  if (stream == nullptr) return error;
  if (rows.width == 0 || rows.height == 0) return cudaSuccess;
  if (!fits(rows, kind, stream->device)) return report(cudaErrorInvalidValue);
  const bool from_pageable = pageable(rows.from);
  const bool to_pageable = pageable(rows.to);
  if (stream->capture != nullptr && (from_pageable || to_pageable)) {
    stream->capture->invalidate();
    return report(cudaErrorStreamCaptureUnsupported);
  }
  if (from_pageable && !to_pageable) return queue_staged(*stream, rows);
  error = queue_copy(*stream, rows);
  if (error == cudaSuccess && to_pageable) stream->run_until(stream->added());
  return report(error != cudaSuccess ? error : sticky_error(stream->device));
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t count, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return copy_async({dst, count, src, count, count, 1}, kind, stream);
}

cudaError_t cudaMemcpy2DAsync(void* dst, size_t dpitch, const void* src, size_t spitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  if (width > dpitch || width > spitch) return report(cudaErrorInvalidPitchValue);
  return copy_async({dst, dpitch, src, spitch, width, height}, kind, stream);
}

// In the default stream. Between two places on the device the host does not wait.
cudaError_t cudaMemcpy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (const cudaError_t error = refuse_in_capture(); error != cudaSuccess) return report(error);
  const cudaError_t error = copy_async({dst, count, src, count, count, 1}, kind, nullptr);
  if (error != cudaSuccess) return error;
  const auto on_device = [](const void* pointer) {
    const std::optional<Allocation> a = find_allocation(pointer);
    return a && a->type == cudaMemoryTypeDevice;
  };
  if (on_device(dst) && on_device(src)) return cudaSuccess;
  return cudaStreamSynchronize(nullptr);
}

cudaError_t cudaMemsetAsync(void* devPtr, int value, size_t count, cudaStream_t stream) {
  cudaError_t error = cudaSuccess;
  const std::shared_ptr<CUstream_st> found = stream_for_work(stream, error);
  if (found == nullptr) return error;
  if (count == 0) return cudaSuccess;
  const int device = found->device;
  if (!reachable(devPtr, count, device)) {
    complain("a fill of " + std::to_string(count) + " bytes leaves its memory");
    return report(cudaErrorInvalidValue);
  }
  return queue(*found, [devPtr, value, count, device] {
    if (reachable(devPtr, count, device)) {
      std::memset(devPtr, value, count);
    } else {
      complain("memory was freed before it was filled");
      make_sticky(device, cudaErrorIllegalAddress);
    }
    return true;
  });
}

cudaError_t cudaMemset(void* devPtr, int value, size_t count) {
  if (const cudaError_t error = enter(); error != cudaSuccess) return error;
  if (const cudaError_t error = refuse_in_capture(); error != cudaSuccess) return report(error);
  return cudaMemsetAsync(devPtr, value, count, nullptr);
}
