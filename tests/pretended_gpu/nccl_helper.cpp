// What a GPU does by itself: it takes its part in a collective while its host is elsewhere. A queue
// runs as late as it may, but no later than a peer waits for what is in it.
#include <chrono>

#include "device_memory.hpp"
#include "nccl.hpp"

namespace pretended_gpu {

bool Communicator::is_waited_for() const {
  for (int other = 0; other < ranks; ++other) {
    if (other != rank && meeting->seat(other).waits) return true;
  }
  return false;
}

void help(const std::stop_token& stop, const std::shared_ptr<Communicator>& communicator) {
  while (!stop.stop_requested()) {
    const Moment last = communicator->last_call();
    if (communicator->is_waited_for() && !last.reached()) {
      const DeviceMemoryOpen open;
      if (last.stream->step()) continue;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace pretended_gpu
