#include "colonnade/random.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness.hpp"

using colonnade::Index;
using colonnade::KeyedRandom;
using colonnade::shuffled_order;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as its authors define it (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3"), written out plainly.
Words philox(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::uint64_t reference_bits(std::uint64_t seed, std::uint64_t name_hash, std::uint64_t index) {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const Words out =
      philox({low(index), high(index), low(name_hash), high(name_hash)}, {low(seed), high(seed)});
  return out[0] | std::uint64_t{out[1]} << 32;
}

struct Moments {
  double mean = 0;
  double variance = 0;
};

template <class Value>
Moments moments(int n, Value&& value) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < n; ++i) {
    const double x = value(static_cast<std::uint64_t>(i));
    sum += x;
    squares += x * x;
  }
  const double mean = sum / n;
  return {mean, squares / n - mean * mean};
}

}  // namespace

TEST_CASE("the plain Philox gives its authors' published answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the block of an index is what its bits are made of") {
  const KeyedRandom random(0xfedcba9876543210ull, "foobar");
  for (const std::uint64_t index : {0ull, 5ull, (9ull << 40) + 3}) {
    const auto words = random.words32(index);
    CHECK(random.bits(index) == (words[0] | std::uint64_t{words[1]} << 32));
    CHECK(words == philox({static_cast<std::uint32_t>(index),
                           static_cast<std::uint32_t>(index >> 32), 0xf73967e8, 0x85944171},
                          {0x76543210, 0xfedcba98}));
  }
}

TEST_CASE("a value is Philox of (index, FNV-1a of the name) under the seed") {
  // Published FNV-1a hashes of these names.
  const std::map<std::string, std::uint64_t> hashes = {
      {"", 0xcbf29ce484222325}, {"a", 0xaf63dc4c8601ec8c}, {"foobar", 0x85944171f73967e8}};
  for (const auto& entry : hashes) {
    const std::string& name = entry.first;  // clang 14 lets no lambda capture a structured binding
    for (const std::uint64_t seed : {0ull, 1ull, 0xfedcba9876543210ull}) {
      for (const std::uint64_t index : {0ull, 1ull, 0x123456789abcdefull}) {
        CAPTURE(name);
        CHECK(KeyedRandom(seed, name).bits(index) == reference_bits(seed, entry.second, index));
      }
    }
  }
}

TEST_CASE("values depend on seed, name and index, and on nothing else") {
  const KeyedRandom random(7, "layers.0.weight");
  const double later = random.normal(41);
  CHECK(random.normal(41) == later);
  CHECK(KeyedRandom(7, "layers.0.weight").normal(41) == later);
  CHECK(KeyedRandom(8, "layers.0.weight").normal(41) != later);
  CHECK(KeyedRandom(7, "layers.1.weight").normal(41) != later);
  CHECK(random.normal(42) != later);
}

// Tolerances are five standard errors of a mean or a variance over n values; the values are fixed,
// so the tests are either always green or always red.
TEST_CASE("uniform values fill the open interval evenly") {
  const int n = 100'000;
  const KeyedRandom random(1, "uniform");
  for (int i = 0; i < n; ++i) {
    const double x = random.uniform(static_cast<std::uint64_t>(i));
    REQUIRE(x > 0);
    REQUIRE(x < 1);
  }
  const Moments found = moments(n, [&](std::uint64_t i) { return random.uniform(i); });
  CHECK(std::abs(found.mean - 0.5) <= 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(found.variance - 1.0 / 12) <= 5 * std::sqrt(1.0 / 180 / n));
}

TEST_CASE("normal values have mean 0, variance 1 and normal tails") {
  const int n = 100'000;
  const KeyedRandom random(1, "normal");
  const Moments found = moments(n, [&](std::uint64_t i) { return random.normal(i); });
  CHECK(std::abs(found.mean) <= 5 * std::sqrt(1.0 / n));
  CHECK(std::abs(found.variance - 1) <= 5 * std::sqrt(2.0 / n));
  const double beyond_2 = std::erfc(2 / std::sqrt(2.0));
  const Moments tail =
      moments(n, [&](std::uint64_t i) { return std::abs(random.normal(i)) > 2 ? 1.0 : 0.0; });
  CHECK(std::abs(tail.mean - beyond_2) <= 5 * std::sqrt(beyond_2 * (1 - beyond_2) / n));
  const Moments neighbours =
      moments(n, [&](std::uint64_t i) { return random.normal(i) * random.normal(i + 1); });
  CHECK(std::abs(neighbours.mean) <= 5 * std::sqrt(1.0 / n));
}

TEST_CASE("a shuffled order is a permutation, equal for equal keys only") {
  for (const Index n : {0, 1, 2, 17, 1000}) {
    std::vector<Index> order = shuffled_order(n, 3, 0);
    CHECK(order == shuffled_order(n, 3, 0));
    std::sort(order.begin(), order.end());
    REQUIRE(static_cast<Index>(order.size()) == n);
    for (Index i = 0; i < n; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  }
  CHECK(shuffled_order(100, 3, 0) != shuffled_order(100, 3, 1));
  CHECK(shuffled_order(100, 3, 0) != shuffled_order(100, 4, 0));
}

TEST_CASE("every order of four is as likely as any other") {
  const int epochs = 24'000;
  std::map<std::vector<Index>, int> counts;
  for (int epoch = 0; epoch < epochs; ++epoch)
    ++counts[shuffled_order(4, 5, static_cast<std::uint64_t>(epoch))];
  CHECK(counts.size() == 24);
  // Binomial with mean 1000: five standard deviations are 155.
  for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) <= 155);
}
