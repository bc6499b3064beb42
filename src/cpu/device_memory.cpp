// The CPU's device memory is the system's: there is nothing to wait for, and all of it is reached.
#include "colonnade/device_memory.hpp"

#include <algorithm>
#include <cstring>

#include "colonnade/memory.hpp"
#include "colonnade/shard.hpp"

namespace colonnade {

std::pmr::memory_resource* device_memory() {
  return system_memory();
}

bool host_reaches_device_memory() {
  return true;
}

void let_host_reach_device_memory() {}

void finish_device_work() {}

void copy_bytes(const void* from, void* to, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void copy_pieces(const void* from, std::size_t from_stride, void* to, std::size_t to_stride,
                 std::size_t bytes, std::size_t count) {
  if (bytes == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(static_cast<char*>(to) + i * to_stride,
                static_cast<const char*>(from) + i * from_stride, bytes);
  }
}

// Cut among threads as elementwise ops are: on a machine whose memory is in parts, a page is put
// near the thread that first writes to it.
void zero_bytes(void* to, std::size_t bytes) {
  constexpr std::size_t worth_threads = 128 * 1024, piece = 16 * 1024;
  if (bytes < worth_threads) {
    if (bytes > 0) std::memset(to, 0, bytes);
    return;
  }
  const Index pieces = static_cast<Index>((bytes + piece - 1) / piece);
#pragma omp parallel for schedule(static)
  for (Index i = 0; i < pieces; ++i) {
    const std::size_t begin = static_cast<std::size_t>(i) * piece;
    std::memset(static_cast<char*>(to) + begin, 0, std::min(piece, bytes - begin));
  }
}

}  // namespace colonnade
