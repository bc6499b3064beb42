#include "app/confusion.hpp"

#include "harness.hpp"

using colonnade::app::Confusion;

namespace {

/// Class 2 has no samples; class 3 is always taken for another.
Confusion example() {
  Confusion confusion(4);
  for (int i = 0; i < 12; ++i) confusion.add(0, 0);
  confusion.add(0, 3);
  confusion.add(1, 1);
  for (int i = 0; i < 2; ++i) confusion.add(1, 0);
  for (int i = 0; i < 2; ++i) confusion.add(3, 2);
  return confusion;
}

}  // namespace

TEST_CASE("a confusion counts samples by true class and prediction") {
  const Confusion confusion = example();
  CHECK(confusion.samples() == 18);
  CHECK(confusion.right() == 13);
  CHECK(confusion.count(1, 0) == 2);
  CHECK(confusion.count(0, 1) == 0);
  CHECK(confusion.count(3, 2) == 2);
}

TEST_CASE("its table has aligned columns, and no line for a class without samples") {
  CHECK(example().table() ==
        "true   0   1   2   3    right\n"
        "   0  12   .   .   1   92.31%\n"
        "   1   2   1   .   .   33.33%\n"
        "   3   .   .   2   .    0.00%\n");
}

TEST_CASE("the most confused classes come first, of equals the lowest true class") {
  const std::vector<Confusion::Pair> pairs = example().most_confused(9);
  CHECK(pairs == std::vector<Confusion::Pair>{{1, 0, 2}, {3, 2, 2}, {0, 3, 1}});
  CHECK(example().most_confused(1) == std::vector<Confusion::Pair>{{1, 0, 2}});
  CHECK(Confusion(3).most_confused(5).empty());
}
