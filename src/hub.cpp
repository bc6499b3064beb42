#include "hub.hpp"

#include <sched.h>

#include <thread>
#include <utility>

namespace colonnade {

namespace {

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return static_cast<int>(std::thread::hardware_concurrency());  // more than a cpu_set_t can hold
}

}  // namespace

World::World(int size) : crowded_(size > usable_cores()) {}

void World::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!first_failure_) first_failure_ = std::move(failure);
  for (const auto& hub : hubs_)
    if (const auto alive = hub.lock()) alive->give_up();
}

std::shared_ptr<Hub> Hub::make(const std::shared_ptr<World>& world, int size) {
  auto hub = std::make_shared<Hub>(world, size);
  const std::lock_guard lock(world->mutex_);
  std::erase_if(world->hubs_, [](const std::weak_ptr<Hub>& other) { return other.expired(); });
  world->hubs_.push_back(hub);
  if (world->first_failure_) hub->give_up();
  return hub;
}

void Hub::enter() {
  const std::uint32_t meeting = meeting_.load(std::memory_order_acquire);
  if ((meeting & given_up) != 0) throw Abandoned{};
  if (is_last()) {
    arrived_.store(0, std::memory_order_relaxed);
    std::uint32_t expected = meeting;
    if (!meeting_.compare_exchange_strong(expected, meeting + next, std::memory_order_acq_rel))
      throw Abandoned{};
    meeting_.notify_all();
    return;
  }
  std::uint32_t now = meeting;
  while (!ended(meeting, now)) {
    if ((now & given_up) != 0) throw Abandoned{};
    now = wait_for_change(now);
  }
}

void Hub::leave() {
  const std::uint32_t meeting = meeting_.load(std::memory_order_acquire);
  if (is_last()) {
    arrived_.store(0, std::memory_order_relaxed);
    meeting_.fetch_add(next, std::memory_order_acq_rel);
    meeting_.notify_all();
    return;
  }
  std::uint32_t now = meeting;
  while (!ended(meeting, now)) now = wait_for_change(now);
}

void Hub::give_up() {
  meeting_.fetch_or(given_up, std::memory_order_acq_rel);
  meeting_.notify_all();
}

// A peer that runs arrives within microseconds, and to sleep and be woken costs tens of them. A
// peer that doesn't run may need this core: then giving it away is faster than either. Who is late
// even so computes, and isn't kept from it.
std::uint32_t Hub::wait_for_change(std::uint32_t seen) const {
  const int tries = world_->is_crowded() ? 16 : 2000;
  for (int i = 0; i < tries; ++i) {
    const std::uint32_t now = meeting_.load(std::memory_order_acquire);
    if (now != seen) return now;
    if (world_->is_crowded()) {
      sched_yield();
    } else {
#ifdef __x86_64__
      __builtin_ia32_pause();
#endif
    }
  }
  meeting_.wait(seen, std::memory_order_acquire);
  return meeting_.load(std::memory_order_acquire);
}

}  // namespace colonnade
