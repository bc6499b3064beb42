#include "cuda/gpu.hpp"

#include <string>

namespace colonnade::gpu {

namespace {

/// Of one thread. Streams don't wait for the legacy stream, which nothing here uses.
class Stream {
 public:
  cudaStream_t get() {
    if (stream_ == nullptr) {
      check(cudaSetDevice(index_), "cudaSetDevice");
      check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking),
            "cudaStreamCreateWithFlags");
    }
    return stream_;
  }
  void use(int index) {
    if (index == index_) return;
    if (stream_ != nullptr) {
      throw Error("a thread can't change its GPU after its first op",
                  {.wanted = "GPU " + std::to_string(index), .found = std::to_string(index_)});
    }
    index_ = index;
  }
  int index() const { return index_; }
  bool is_in_use() const { return stream_ != nullptr; }
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    // At the end of the program the driver may be gone already, and its answer says nothing.
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }

 private:
  int index_ = 0;
  cudaStream_t stream_ = nullptr;
};

Stream& this_threads() {
  static thread_local Stream stream;
  return stream;
}

struct Found {
  int count = 0;
  const char* why_none = "";
};

const Found& found() {
  static const Found result = [] {
    Found found;
    const cudaError_t code = cudaGetDeviceCount(&found.count);
    if (code != cudaSuccess) {
      found = {0, cudaGetErrorString(code)};
      cudaGetLastError();  // told, and done with
    } else if (found.count == 0) {
      found.why_none = "the driver knows no GPU";
    }
    return found;
  }();
  return result;
}

}  // namespace

void check(cudaError_t code, const char* call, SourceLine where) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // what can be forgotten is; the rest every later call repeats
  throw Error(std::string(call) + " failed",
              {.found = std::string(cudaGetErrorName(code)) + ", " + cudaGetErrorString(code)},
              where);
}

int count() {
  return found().count;
}

const char* why_none() {
  return found().why_none;
}

void use(int index) {
  this_threads().use(index);
}

int index() {
  return this_threads().index();
}

cudaStream_t stream() {
  return this_threads().get();
}

bool is_in_use() {
  return this_threads().is_in_use();
}

void end_op(const char* op) {
  if (host_reaches_device_memory()) check(cudaStreamSynchronize(stream()), op);
}

bool is_out_of_reach(const void* address) {
  stream();  // the thread's GPU is the current one from here on
  cudaPointerAttributes attributes = {};
  check(cudaPointerGetAttributes(&attributes, address), "cudaPointerGetAttributes");
  return attributes.type == cudaMemoryTypeDevice;
}

}  // namespace colonnade::gpu
