// Solutions of chapter 15; exits with 1 if one is wrong.

#include "colonnade/checksum.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: checksums of parts add up to that of the whole, and swapped numbers are noticed.
bool checksum_knows_no_cut(ProcessGroup& group) {
  std::vector<double> numbers(11);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 1.0 / static_cast<double>(i + 1);
  const std::span<const double> whole(numbers);

  const Range own = shard_range(11, group.size(), group.rank());
  const auto begin = static_cast<std::size_t>(own.begin);
  const auto count = static_cast<std::size_t>(own.size());
  const std::uint64_t part = checksum(whole.subspan(begin, count), own.begin);
  // Unsigned sums wrap around alike, whatever the sign that the bits are read with.
  const auto sum = static_cast<std::uint64_t>(group.all_reduce(static_cast<std::int64_t>(part)));

  const bool adds_up = sum == checksum(whole);
  std::swap(numbers[2], numbers[3]);
  return adds_up && checksum(whole) != sum;
}

// Exercise 2: the interval between checkpoints, in seconds, that loses the least time on average:
// saving takes `save` seconds, and a run fails once in `failure` seconds.
double best_interval(double save, double failure) {
  return std::sqrt(2 * save * failure);
}

// What is lost of each second: to saving, and to repeating half an interval after each failure.
double lost(double interval, double save, double failure) {
  return save / interval + interval / 2 / failure;
}

bool no_interval_is_better() {
  const double save = 3, failure = 24 * 3600;
  const double best = best_interval(save, failure);
  bool right = std::abs(best - 720) < 1;  // twelve minutes
  for (const double other : {0.5, 0.9, 1.1, 2.0})
    right &= lost(best, save, failure) < lost(other * best, save, failure);
  return right;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(3, [&](ProcessGroup& group) {
    const bool right = check(group, "1: checksums of parts add up to that of the whole",
                             checksum_knows_no_cut(group));
    if (group.rank() == 0) fine = right;
  });
  fine &= check("2: no interval between checkpoints loses less", no_interval_is_better());
  return fine ? 0 : 1;
}
