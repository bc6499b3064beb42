// How much memory a piece of work holds at its peak. clang's AddressSanitizer can tell, in the
// fuzzers and in its sanitized tests; g++ has no header for it. In other builds the answer is
// always 0.
#pragma once

#include <algorithm>
#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COLONNADE_MEMORY_WATCH
#endif
#endif

#ifdef COLONNADE_MEMORY_WATCH
#include <sanitizer/allocator_interface.h>
#endif

namespace fuzz {

/// Counts the bytes that this thread allocates while it lives, less those it gives back. One at a
/// time on a thread.
class MemoryWatch {
 public:
  MemoryWatch() {
#ifdef COLONNADE_MEMORY_WATCH
    // The sanitizer has few places for hooks and never gives one back.
    [[maybe_unused]] static const int installed =
        __sanitizer_install_malloc_and_free_hooks(allocated, freed);
#endif
    count = {true, 0, 0};
  }
  ~MemoryWatch() {
    count.on = false;
  }
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

  std::ptrdiff_t peak() const {
    return count.peak;
  }

 private:
  struct Count {
    bool on;
    std::ptrdiff_t held, peak;
  };
  // The hooks are plain functions, so what they count has no other place.
  static inline thread_local Count count{};

#ifdef COLONNADE_MEMORY_WATCH
  static void allocated(const volatile void* /*address*/, std::size_t bytes) {
    if (!count.on) return;
    count.held += static_cast<std::ptrdiff_t>(bytes);
    count.peak = std::max(count.peak, count.held);
  }
  static void freed(const volatile void* address) {
    if (!count.on || address == nullptr) return;
    count.held -= static_cast<std::ptrdiff_t>(
        __sanitizer_get_allocated_size(const_cast<const void*>(address)));
  }
#endif
};

}  // namespace fuzz
