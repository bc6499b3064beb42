// The switch of stacks: by hand on x86-64, where it takes a few nanoseconds; with ucontext, which
// makes a system call each time, elsewhere.
#include "fibers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "errors.hpp"

namespace pretended_gpu {
namespace {

constexpr std::size_t kStackBytes = 128 << 10;
constexpr std::size_t kGuardBytes = 4 << 10;  // a stack that is too small shall crash, not scribble

char* new_stack() {
  void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for the stack of a kernel's thread");
  if (mprotect(memory, kGuardBytes, PROT_NONE) != 0) fail("a stack cannot be guarded");
  return static_cast<char*>(memory);
}

}  // namespace

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_, kStackBytes);
}

#if defined(__x86_64__)

// Pushes the registers that a function must keep, stores the stack pointer, takes the other one and
// pops what was pushed there.
asm(R"(
.text
.p2align 4
.type pretended_gpu_switch, @function
pretended_gpu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pretended_gpu_switch, . - pretended_gpu_switch
)");
extern "C" void pretended_gpu_switch(void** save, void* load);

Fiber::Fiber(void (*body)()) : stack_(new_stack()) {
  // Stacks lie at multiples of their size: if all began at their ends, what threads keep there
  // would fall into the same few places of the caches.
  static thread_local std::size_t count = 0;
  const std::size_t end = kStackBytes - count++ % 256 * 192;
  // What the switch pops: six registers and the address to return to. Above it lies a null return
  // address for body, so that its stack is aligned as after a call and a debugger sees an end.
  void** top = reinterpret_cast<void**>(stack_ + end) - 1;
  *top = nullptr;
  *--top = reinterpret_cast<void*>(body);
  for (int registers = 0; registers < 6; ++registers) *--top = nullptr;
  stack_pointer_ = top;
}

void Fiber::switch_to(Fiber& next) {
  pretended_gpu_switch(&stack_pointer_, next.stack_pointer_);
}

#else

Fiber::Fiber(void (*body)()) : stack_(new_stack()) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStackBytes;
  makecontext(&context_, body, 0);
}

void Fiber::switch_to(Fiber& next) {
  swapcontext(&context_, &next.context_);
}

#endif

}  // namespace pretended_gpu
