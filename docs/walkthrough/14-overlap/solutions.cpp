// Solutions of chapter 14; exits with 1 if one is wrong.

#include <algorithm>

#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: two sums under way. The first may be read when finish_first() returns, the second
// only after finish().
bool two_sums(ProcessGroup& group) {
  std::vector<double> a{1, 2}, b{10, 20, 30};
  group.start_all_reduce(std::span(a));
  group.start_all_reduce(std::span(b));
  group.finish_first();
  const bool first = a == std::vector<double>{3, 6} && group.is_under_way();
  group.finish();
  return first && b == std::vector<double>{30, 60, 90} && !group.is_under_way();
}

// Exercise 2: when the last part of the last layer has arrived. The rank computes one thing at a
// time, and the wire carries one message at a time.
double time_of_forward(int layers, int parts, double product, double message) {
  std::vector<double> arrived(static_cast<std::size_t>(parts), 0.0);
  double computed = 0, carried = 0;
  for (int layer = 0; layer < layers; ++layer) {
    for (double& part : arrived) {
      computed = std::max(computed, part) + product / parts;
      carried = std::max(carried, computed) + message / parts;
      part = carried;
    }
  }
  return carried;
}

bool two_parts_hide_the_shorter() {
  bool right = time_of_forward(4, 1, 1, 1) == 8 && time_of_forward(4, 2, 1, 1) == 4.5;
  for (const double product : {1.0, 2.0, 5.0})
    for (const double message : {1.0, 3.0, 4.0})
      right &= time_of_forward(8, 2, product, message) ==
               8 * std::max(product, message) + std::min(product, message) / 2;
  return right;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(3, [&](ProcessGroup& group) {
    const bool right = check(group, "1: the first is finished first", two_sums(group));
    if (group.rank() == 0) fine = right;
  });
  fine &= check("2: two parts hide the shorter of the two", two_parts_hide_the_shorter());
  return fine ? 0 : 1;
}
