// Where a rank is, read while it is written.
#include "place.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "harness.hpp"

using namespace colonnade;

TEST_CASE("a place starts as nowhere, and then is what was published last") {
  Place place;
  const Place::Time begin{};
  CHECK(place.look(begin).where == Whereabouts::nowhere);
  Fingerprint call;
  call.sequence = 7;
  place.publish(Whereabouts::inside, call, begin);
  const Sighting sighting = place.look(begin + std::chrono::milliseconds(2));
  CHECK(sighting.where == Whereabouts::inside);
  CHECK(sighting.waits());
  CHECK(sighting.call.sequence == 7);
  CHECK(sighting.nanoseconds == 2'000'000);
  place.publish(Whereabouts::outside, call, begin);
  CHECK(!place.look(begin).waits());
}

TEST_CASE("what is read of a place belongs together, whenever it is read") {
  Place place;
  std::atomic<bool> stops = false;
  std::thread writer([&] {
    for (std::int64_t i = 0; !stops; ++i) {
      Fingerprint call;
      call.site = ShortText<28>(std::to_string(i));  // in another cache line than the time
      call.sequence = call.count = i;
      call.rank = static_cast<std::int32_t>(i);
      place.publish(Whereabouts::inside, call, Place::Time(std::chrono::nanoseconds(i)));
    }
  });
  int torn = 0;
  std::int64_t seen = 0;
  for (int looks = 0; looks < 1'000'000 || seen == 0; ++looks) {
    const Sighting sighting = place.look(Place::Time());
    const Fingerprint& call = sighting.call;
    if (seen > 0 && call.site.view() != std::to_string(call.sequence)) ++torn;
    if (call.count != call.sequence || call.rank != call.sequence ||
        sighting.nanoseconds != -call.sequence || call.sequence < seen)
      ++torn;
    seen = std::max(seen, call.sequence);
  }
  stops = true;
  writer.join();
  CHECK(torn == 0);
}
