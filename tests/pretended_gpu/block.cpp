// Threads of a block. They share one fiber as long as none waits: only a thread that reaches a
// barrier or a shuffle keeps the fiber, and the next thread begins on another. When nobody can go
// on, the barrier is open, or the kernel has a mistake.
#include "block.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "errors.hpp"
#include "fibers.hpp"
#include "include/pretended_gpu/language.h"
#include "order.hpp"

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim{};
constinit thread_local dim3 gridDim{};

namespace pretended_gpu {
namespace {

enum class Wait { none, block, warp };

struct Waiting {
  Wait wait = Wait::none;
  Place place = {};
  Fiber* fiber = nullptr;
  uint3 index = {};             // its threadIdx
  unsigned mask = 0;            // of the warp's lanes that are to meet
  unsigned long long mine = 0;  // what this lane gives
  const unsigned long long* given = nullptr;
};

struct Warp {
  unsigned waiting = 0;  // lanes in exchange_in_warp
  unsigned ended = 0;    // lanes that returned, or that the block does not have
};

// The block that runs on this thread. Its memory is kept for the next one.
struct Block {
  const std::function<void()>* body = nullptr;
  unsigned size = 0;
  unsigned started = 0;
  unsigned ended = 0;
  unsigned at_barrier = 0;
  unsigned current = 0;  // the thread that runs
  Order order;           // of the threads
  Order order_of_blocks;
  std::vector<Waiting> threads;
  std::vector<std::array<unsigned long long, 32>> gathered;  // by the lane that completed a meeting
  std::vector<Warp> warps;
  std::deque<unsigned> ready;  // threads that may go on, in order

  Fiber host;
  Fiber* running = &host;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> idle;
};

// A thread may run kernels to its very end, in destructors of what it keeps. Once its block is gone
// it gets another, which nobody destroys.
constinit thread_local Block* block_of_thread = nullptr;

struct BlockOwner {
  ~BlockOwner() { delete std::exchange(block_of_thread, nullptr); }
};

Block& the_block() {
  if (block_of_thread == nullptr) {
    static thread_local BlockOwner owner;
    block_of_thread = new Block;
  }
  return *block_of_thread;
}

uint3 index_of(unsigned thread) {
  return {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / blockDim.x / blockDim.y};
}

std::string name_of(unsigned thread) {
  const uint3 t = index_of(thread);
  return "thread (" + std::to_string(t.x) + ", " + std::to_string(t.y) + ", " +
         std::to_string(t.z) + ")";
}

std::string where(const Place& place) {
  return std::string(place.file) + ":" + std::to_string(place.line);
}

[[noreturn]] void fail_in_block(const std::string& what) {
  fail("block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ", " +
       std::to_string(blockIdx.z) + ") of a kernel: " + what);
}

void switch_to(Fiber& next) {
  Fiber& mine = *the_block().running;
  the_block().running = &next;
  mine.switch_to(next);
}

void make_ready(unsigned thread) {
  the_block().threads[thread].wait = Wait::none;
  the_block().ready.push_back(thread);
}

bool complete(const Warp& warp, unsigned mask) {
  return ((warp.waiting | warp.ended) & mask) == mask;
}

// All lanes of the mask that live are there: they get what was given. `last` goes on after the
// others, for what was gathered lies with it.
void release_warp(unsigned last) {
  Block& b = the_block();
  Waiting& completing = b.threads[last];
  const unsigned first = last / 32 * 32;
  std::array<unsigned long long, 32>& gathered = b.gathered[last];
  gathered.fill(~0ull);
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((completing.mask & ~b.warps[last / 32].ended & (1u << lane)) == 0) continue;
    Waiting& other = b.threads[first + lane];
    if (other.mask != completing.mask || other.place.line != completing.place.line ||
        std::strcmp(other.place.file, completing.place.file) != 0) {
      fail_in_block(name_of(last) + " meets its warp at " + where(completing.place) +
                    ", but a lane of its mask, " + name_of(first + lane) + ", is at " +
                    where(other.place) + " or has another mask");
    }
    gathered[lane] = other.mine;
    other.given = gathered.data();
    b.warps[last / 32].waiting &= ~(1u << lane);
    if (first + lane != last) make_ready(first + lane);
  }
  make_ready(last);
}

void release_block() {
  Block& b = the_block();
  const Waiting* first = nullptr;
  for (unsigned i = 0; i < b.size; ++i) {
    const unsigned t = b.order[i];
    if (b.threads[t].wait != Wait::block) continue;
    if (first == nullptr) first = &b.threads[t];
    if (b.threads[t].place.line != first->place.line) {
      fail_in_block("its threads are in different __syncthreads, " + where(first->place) + " and " +
                    where(b.threads[t].place));
    }
    make_ready(t);
  }
  b.at_barrier = 0;
}

// Nobody can go on: the barrier opens if all living threads are at it. A warp may have become
// complete because a lane returned. Else threads wait for one that never comes.
void release_or_fail() {
  Block& b = the_block();
  if (b.at_barrier == b.size - b.ended) return release_block();
  for (unsigned t = 0; t < b.size; ++t) {
    if (b.threads[t].wait == Wait::warp && complete(b.warps[t / 32], b.threads[t].mask)) {
      return release_warp(t);
    }
  }
  std::string who;
  for (const Wait kind : {Wait::block, Wait::warp}) {
    const auto found = std::find_if(b.threads.begin(), b.threads.begin() + b.size,
                                    [&](const Waiting& w) { return w.wait == kind; });
    if (found == b.threads.begin() + b.size) continue;
    who += (who.empty() ? "" : "; ") + name_of(static_cast<unsigned>(found - b.threads.begin())) +
           " waits for its " + (kind == Wait::block ? "block" : "warp") + " at " +
           where(found->place);
  }
  fail_in_block(who + ". Not all living threads get there.");
}

void run_threads();

Fiber& fresh_fiber() {
  Block& b = the_block();
  if (b.idle.empty()) {
    b.fibers.push_back(std::make_unique<Fiber>(run_threads));
    return *b.fibers.back();
  }
  Fiber& fiber = *b.idle.back();
  b.idle.pop_back();
  return fiber;
}

void resume_first_ready() {
  Block& b = the_block();
  const unsigned next = b.ready.front();
  b.ready.pop_front();
  b.current = next;
  threadIdx = b.threads[next].index;
  if (b.threads[next].fiber != b.running) switch_to(*b.threads[next].fiber);
}

// The running thread has to wait; returns when it may go on.
void suspend() {
  Block& b = the_block();
  b.threads[b.current].fiber = b.running;
  b.threads[b.current].index = threadIdx;
  if (b.ready.empty() && b.started < b.size) return switch_to(fresh_fiber());
  if (b.ready.empty()) release_or_fail();
  resume_first_ready();
}

// What a fiber does: threads that have not begun, each to its end.
void run_threads() {
  Block& b = the_block();
  for (;;) {
    while (b.started < b.size) {
      b.current = b.order[b.started++];
      threadIdx = index_of(b.current);
      (*b.body)();
      b.warps[b.current / 32].ended |= 1u << (b.current % 32);
      ++b.ended;
    }
    b.idle.push_back(b.running);
    if (b.ready.empty() && b.ended < b.size) release_or_fail();
    if (b.ended == b.size) {
      switch_to(b.host);
    } else {
      resume_first_ready();
    }
  }
}

void run_block() {
  Block& b = the_block();
  b.started = b.ended = b.at_barrier = 0;
  for (Warp& warp : b.warps) warp = {};
  b.order.begin(b.size);
  if (b.size % 32 != 0) b.warps.back().ended = ~0u << (b.size % 32);
  switch_to(fresh_fiber());
}

}  // namespace

void run_grid(dim3 grid, dim3 block, const std::function<void()>& thread) {
  Block& b = the_block();
  if (b.body != nullptr) fail("a kernel was run inside a kernel");
  b.body = &thread;
  b.size = block.x * block.y * block.z;
  if (b.threads.size() < b.size) {
    b.threads.resize(b.size);
    b.gathered.resize(b.size);
  }
  b.warps.resize((b.size + 31) / 32);
  gridDim = grid;
  blockDim = block;
  const unsigned blocks = grid.x * grid.y * grid.z;
  if (blocks / grid.x / grid.y != grid.z) fail("a kernel has more blocks than anyone waits for");
  b.order_of_blocks.begin(blocks);
  for (unsigned i = 0; i < blocks; ++i) {
    const unsigned number = b.order_of_blocks[i];
    blockIdx = {number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
    run_block();
  }
  b.body = nullptr;
}

void wait_for_block(Place place) {
  Block& b = the_block();
  Waiting& me = b.threads[b.current];
  me.wait = Wait::block;
  me.place = place;
  ++b.at_barrier;
  suspend();
}

const unsigned long long* exchange_in_warp(unsigned mask, unsigned long long mine, Place place) {
  Block& b = the_block();
  const unsigned thread = b.current;
  Waiting& me = b.threads[thread];
  Warp& warp = b.warps[thread / 32];
  if ((mask & (1u << (thread % 32))) == 0) {
    fail_in_block(name_of(thread) + " is not in its own mask at " + where(place));
  }
  me.wait = Wait::warp;
  me.place = place;
  me.mask = mask;
  me.mine = mine;
  warp.waiting |= 1u << (thread % 32);
  if (complete(warp, mask)) {
    me.fiber = b.running;
    me.index = threadIdx;
    release_warp(thread);
    resume_first_ready();
  } else {
    suspend();
  }
  return b.threads[thread].given;
}

unsigned lane_of_warp() {
  return the_block().current % 32;
}

unsigned lanes_that_run() {
  return 1u << (the_block().current % 32);
}

}  // namespace pretended_gpu
