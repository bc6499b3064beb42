// Where a rank is, written by the rank at each collective and read by its watchdog's thread at any
// time.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "colonnade/fingerprint.hpp"

namespace colonnade {

enum class Whereabouts : std::uint64_t {
  nowhere,    // has called no collective yet
  inside,     // in the call
  finishing,  // waits for what it has started, the call being the first of that
  outside,    // has returned from the call
};

struct Sighting {
  Fingerprint call;
  Whereabouts where = Whereabouts::nowhere;
  std::int64_t nanoseconds = 0;  // for how long

  bool waits() const { return where == Whereabouts::inside || where == Whereabouts::finishing; }
};

/// One rank writes, others read: a sequence lock, so that the rank never waits for its readers.
class Place {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void publish(Whereabouts where, const Fingerprint& call, Time since);

  Sighting look(Time now) const;

 private:
  static constexpr std::size_t words = sizeof(Sighting) / sizeof(std::uint64_t);
  // The words of a Sighting that has the time since when. Odd versions: they are being written.
  std::array<std::atomic<std::uint64_t>, words> words_{};
  std::atomic<std::uint64_t> version_ = 0;
};

/// Tells the watchdog, where there is one, that this rank is in a collective until the scope ends.
class Inside {
 public:
  Inside(Place* place, Whereabouts where, const Fingerprint& call) : place_(place), call_(call) {
    publish(where);
  }
  ~Inside() { publish(Whereabouts::outside); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  void publish(Whereabouts where) {
    if (place_ != nullptr) place_->publish(where, call_, std::chrono::steady_clock::now());
  }

  Place* place_;
  const Fingerprint& call_;
};

}  // namespace colonnade
