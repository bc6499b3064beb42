// Copies from the program's memory that nobody waits for.
#include <cstdint>
#include <numeric>
#include <vector>

#include "colonnade/device_array.hpp"
#include "harness.hpp"

using namespace colonnade;

TEST_CASE("what is copied to the device may be changed at once") {
  // More copies than are under way at once, short and long ones in turn.
  const std::vector<Index> lengths = {1, 3, 100'000, 1, 5000, 70, 300'000, 2};
  std::vector<std::int64_t> here(300'000);
  std::vector<DeviceArray<std::int64_t>> there;
  std::vector<std::int64_t> begins;
  for (int round = 0; round < 5; ++round) {
    for (const Index length : lengths) {
      begins.push_back(1'000'000 * std::ssize(begins));
      std::iota(here.begin(), here.begin() + length, begins.back());
      there.emplace_back(length);
      there.back().set(std::span(here).first(static_cast<std::size_t>(length)));
    }
  }
  for (std::size_t i = 0; i < there.size(); ++i) {
    CAPTURE(i);
    const std::vector<std::int64_t> got = there[i].on_host();
    std::vector<std::int64_t> want(got.size());
    std::iota(want.begin(), want.end(), begins[i]);
    CHECK(got == want);
  }
}

TEST_CASE("a copy too long to be put aside arrives too") {
  const std::vector<std::int64_t> here(9'000'000, 7);  // 72 MB
  const DeviceArray<std::int64_t> there{std::span(here)};
  CHECK(there.on_host() == here);
}
