// Memory of the GPU, or memory of the computer that the GPU reaches. To ask CUDA for either takes
// long and may wait for the GPU, so what is given back is kept, and handed out again.
#include "colonnade/device_memory.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "colonnade/memory.hpp"
#include "colonnade/render.hpp"
#include "cuda/gpu.hpp"
#include "cuda/uploads.hpp"

namespace colonnade {

namespace {

std::atomic<bool> host_reaches = false;

struct Block {
  void* address;
  std::size_t bytes;
};

// At the end of the program the driver may be gone and its memory with it, so that nobody asks for
// the code. cudaFree waits for what the GPU does.
void release(void* address) {
  if (host_reaches) {
    cudaFreeHost(address);
  } else {
    cudaFree(address);
  }
}

/// What one thread has given back. Work that is queued in its stream may still write there. What
/// the thread queues later comes after that, so the block is good for it, and for no other.
class Pool {
 public:
  /// The smallest block that fits without wasting more than half of it.
  std::optional<Block> take(std::size_t bytes) {
    const auto fit = kept_.lower_bound(bytes);
    if (fit == kept_.end() || fit->first / 2 > bytes) return std::nullopt;
    const Block block = {fit->second, fit->first};
    kept_.erase(fit);
    return block;
  }
  void keep(const Block& block) { kept_.emplace(block.bytes, block.address); }
  void clear() {
    for (const auto& [bytes, address] : kept_) release(address);
    kept_.clear();
  }
  /// Another for each thread that ever was, as its address is not.
  std::uint64_t number() const { return number_; }

  Pool() : number_(++count) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { clear(); }

 private:
  inline static std::atomic<std::uint64_t> count = 0;
  std::uint64_t number_;
  std::multimap<std::size_t, void*> kept_;
};

Pool& pool_of_thread() {
  static thread_local Pool pool;
  return pool;
}

cudaError_t ask(void** address, std::size_t bytes) {
  return host_reaches ? cudaHostAlloc(address, bytes, cudaHostAllocPortable | cudaHostAllocMapped)
                      : cudaMalloc(address, bytes);
}

class DeviceMemory final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t /*alignment*/) override {
    Pool& pool = pool_of_thread();
    std::optional<Block> block = pool.take(bytes);
    if (!block) block = ask_for(bytes, pool);
    const std::lock_guard lock(mutex_);
    used_[block->address] = {block->bytes, pool.number()};
    return block->address;
  }

  void do_deallocate(void* address, std::size_t /*bytes*/, std::size_t /*alignment*/) override {
    Use use;
    {
      const std::lock_guard lock(mutex_);
      const auto found = used_.find(address);
      use = found->second;
      used_.erase(found);
    }
    Pool& pool = pool_of_thread();
    if (use.pool == pool.number()) {
      pool.keep({address, use.bytes});
    } else {
      release(address);
    }
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  static Block ask_for(std::size_t bytes, Pool& pool) {
    gpu::stream();  // the thread's GPU is the current one from here on
    void* address = nullptr;
    cudaError_t code = ask(&address, bytes);
    if (code == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      pool.clear();
      code = ask(&address, bytes);
    }
    if (code == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      std::size_t free = 0, total = 0;
      gpu::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
      throw Error("the GPU has no memory left for " + render_bytes(static_cast<double>(bytes)),
                  {.found = render_bytes(static_cast<double>(free)) + " free of " +
                            render_bytes(static_cast<double>(total)),
                   .hint = "use more GPUs, a smaller batch, more --accumulate, or --recompute"});
    }
    gpu::check(code, host_reaches ? "cudaHostAlloc" : "cudaMalloc");
    return {address, bytes};
  }

  struct Use {
    std::size_t bytes;
    std::uint64_t pool;  // its number
  };
  std::mutex mutex_;
  std::unordered_map<void*, Use> used_;
};

}  // namespace

std::pmr::memory_resource* device_memory() {
  static DeviceMemory* const memory = new DeviceMemory;  // outlives what threads keep to their end
  return memory;
}

bool host_reaches_device_memory() {
  return host_reaches;
}

void let_host_reach_device_memory() {
  host_reaches = true;
}

void finish_device_work() {
  gpu::check(cudaStreamSynchronize(gpu::stream()), "cudaStreamSynchronize");
}

// CUDA takes a copy of what it reads from ordinary memory before it returns, and has written it
// when it returns. Pinned memory, that which the host reaches and the GPU too, it uses later.
void copy_bytes(const void* from, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  if (bytes <= gpu::Uploads::longest && gpu::is_out_of_reach(to) && !gpu::is_out_of_reach(from)) {
    static thread_local gpu::Uploads uploads;
    return uploads.copy(from, to, bytes);
  }
  gpu::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, gpu::stream()), "cudaMemcpyAsync");
  if (!gpu::is_out_of_reach(from) || !gpu::is_out_of_reach(to)) finish_device_work();
}

void copy_pieces(const void* from, std::size_t from_stride, void* to, std::size_t to_stride,
                 std::size_t bytes, std::size_t count) {
  if (bytes == 0 || count == 0) return;
  gpu::check(cudaMemcpy2DAsync(to, to_stride, from, from_stride, bytes, count, cudaMemcpyDefault,
                               gpu::stream()),
             "cudaMemcpy2DAsync");
  if (!gpu::is_out_of_reach(from) || !gpu::is_out_of_reach(to)) finish_device_work();
}

void zero_bytes(void* to, std::size_t bytes) {
  if (bytes == 0) return;
  gpu::check(cudaMemsetAsync(to, 0, bytes, gpu::stream()), "cudaMemsetAsync");
  gpu::end_op("cudaMemsetAsync");
}

}  // namespace colonnade
