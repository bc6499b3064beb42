#include "colonnade/checksum.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "harness.hpp"

using namespace colonnade;

namespace {

template <class T>
std::vector<T> numbers(std::size_t count) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), T(-3.5));
  return values;
}

}  // namespace

TEST_CASE_TEMPLATE("checksums of parts add up to that of the whole, however it is cut", T, float,
                   double) {
  const std::vector<T> values = numbers<T>(1000);
  const std::uint64_t whole = checksum(std::span<const T>(values));
  for (const Index parts : {1, 2, 3, 7, 999}) {
    std::uint64_t sum = 0;
    for (Index i = parts; i-- > 0;) {
      const Range part = shard_range(1000, parts, i);
      sum += checksum(std::span<const T>(values).subspan(static_cast<std::size_t>(part.begin),
                                                         static_cast<std::size_t>(part.size())),
                      part.begin);
    }
    CHECK(sum == whole);
  }
}

TEST_CASE_TEMPLATE("every flipped bit changes a checksum", T, float, double) {
  std::vector<T> values = numbers<T>(17);
  const std::uint64_t whole = checksum(std::span<const T>(values));
  auto* const bytes = reinterpret_cast<unsigned char*>(values.data());
  for (std::size_t bit = 0; bit < 8 * sizeof(T) * values.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
    CHECK(checksum(std::span<const T>(values)) != whole);
    bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
  }
}

TEST_CASE("a checksum tells what moved, what is a zero, and what has another length") {
  std::vector<float> values = numbers<float>(16);
  const std::uint64_t whole = checksum(std::span<const float>(values));
  std::swap(values[3], values[4]);
  CHECK(checksum(std::span<const float>(values)) != whole);
  const std::vector<float> zeros(3), more_zeros(4), negative(3, -0.0f);
  CHECK(checksum(std::span<const float>(zeros)) != checksum(std::span<const float>(more_zeros)));
  CHECK(checksum(std::span<const float>(zeros)) != checksum(std::span<const float>(negative)));
  CHECK(checksum("ab") != checksum("ba"));
  CHECK(checksum("") == 0);
}

TEST_CASE("a checksum on many threads is that on one") {
  const std::vector<float> values = numbers<float>(200'000);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); i += 1000) {
    sum += checksum(std::span<const float>(values).subspan(i, 1000), static_cast<Index>(i));
  }
  CHECK(checksum(std::span<const float>(values)) == sum);
}

TEST_CASE("a checksum as text has 16 digits, and stays what it is") {
  CHECK(checksum_text(0x0123456789abcdefu) == "0123456789abcdef");
  // Files carry these: another function would refuse all that were written before.
  CHECK(checksum_text(checksum("colonnade")) == "035245c163f7faa4");
}
