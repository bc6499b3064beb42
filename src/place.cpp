#include "place.hpp"

#include <bit>
#include <thread>

namespace colonnade {

namespace {

using Words = std::array<std::uint64_t, sizeof(Sighting) / sizeof(std::uint64_t)>;

std::int64_t nanoseconds_of(Place::Time time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

}  // namespace

// Whoever reads a word of this call, released here and acquired there, also sees that the version
// was made odd before it, and discards the word.
void Place::publish(Whereabouts where, const Fingerprint& call, Time since) {
  const auto all = std::bit_cast<Words>(Sighting{call, where, nanoseconds_of(since)});
  const std::uint64_t version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < words; ++i) words_[i].store(all[i], std::memory_order_release);
  version_.store(version + 2, std::memory_order_release);
}

Sighting Place::look(Time now) const {
  for (;;) {
    const std::uint64_t version = version_.load(std::memory_order_acquire);
    Words all;
    for (std::size_t i = 0; i < words; ++i) all[i] = words_[i].load(std::memory_order_acquire);
    if (version % 2 == 0 && version == version_.load(std::memory_order_relaxed)) {
      auto sighting = std::bit_cast<Sighting>(all);
      sighting.nanoseconds = nanoseconds_of(now) - sighting.nanoseconds;
      return sighting;
    }
    std::this_thread::yield();
  }
}

}  // namespace colonnade
