// Copies from the program's memory to the GPU's that nobody waits for.
#pragma once

#include <cstddef>
#include <list>

#include "cuda/event.hpp"

namespace colonnade::gpu {

/// Of one thread, as a static thread_local. CUDA reads ordinary memory before it goes on with
/// anything else, and pinned memory when the stream has come so far: so what is to be copied is
/// copied to a pinned block first, which serves again once the GPU has read it.
class Uploads {
 public:
  /// Of what is longer the program waits for: pinned memory is what the system can't put elsewhere.
  static constexpr std::size_t longest = std::size_t{64} << 20;

  Uploads() = default;
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;
  ~Uploads();

  /// Queues the copy after this thread's ops so far; `from` may be changed at once. At most
  /// `longest` bytes, and nothing that Replay could record: the block would have other bytes then.
  void copy(const void* from, void* to, std::size_t bytes);

 private:
  struct Block {
    void* address = nullptr;
    std::size_t bytes = 0;
    Event read;
  };

  Block& block_for(std::size_t bytes);

  std::list<Block> blocks_;  // the one whose copy was queued first in front
};

}  // namespace colonnade::gpu
