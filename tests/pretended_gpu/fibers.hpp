// Fibers: functions with a stack of their own, between which a thread switches by hand. A thread of
// a kernel that waits for others of its block keeps its fiber until it can go on.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace pretended_gpu {

class Fiber {
 public:
  Fiber() = default;  // stands for the stack that the thread was given
  // Runs `body` once it is switched to. `body` never returns.
  explicit Fiber(void (*body)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Leaves `this`, which is the one that runs, until somebody switches back to it.
  void switch_to(Fiber& next);

 private:
  char* stack_ = nullptr;
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_ = {};
#endif
};

}  // namespace pretended_gpu
