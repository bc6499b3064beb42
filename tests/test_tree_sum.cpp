// The order of exact sums, written out.
#include "colonnade/tree_sum.hpp"

#include <string>
#include <vector>

#include "harness.hpp"

using namespace colonnade;

namespace {

/// The sum of `count` items as text: ((0+1)+(2+3)).
std::string tree_of(Index count) {
  std::vector<std::string> stack;
  sum_along_tree(
      count,
      [&](Index i) {
        stack.push_back(std::to_string(i));
        CHECK(static_cast<Index>(stack.size()) <= tree_stack_height(count));
      },
      [&] {
        const std::string top = stack.back();
        stack.pop_back();
        stack.back() = "(" + stack.back() + "+" + top + ")";
      });
  return stack.empty() ? "" : stack.back();
}

}  // namespace

TEST_CASE("the tree is balanced, its leaves in order, the left part the largest power of two") {
  CHECK(tree_of(0) == "");
  CHECK(tree_of(1) == "0");
  CHECK(tree_of(2) == "(0+1)");
  CHECK(tree_of(3) == "((0+1)+2)");
  CHECK(tree_of(4) == "((0+1)+(2+3))");
  CHECK(tree_of(6) == "(((0+1)+(2+3))+(4+5))");
  CHECK(tree_of(7) == "(((0+1)+(2+3))+((4+5)+6))");
  CHECK(tree_of(8) == "(((0+1)+(2+3))+((4+5)+(6+7)))");
}

TEST_CASE("the tree of a power of two is made of the trees of its runs") {
  for (const Index count : {2, 4, 8, 16, 32}) {
    for (Index runs = 1; runs <= count; runs *= 2) {
      // Sums whose rounding tells their order.
      const auto item = [](Index i) { return 1.0 / static_cast<double>(3 * i + 1); };
      std::vector<double> items, of_runs;
      for (Index i = 0; i < count; ++i) items.push_back(item(i));
      const auto length = static_cast<std::size_t>(count / runs);
      for (std::size_t begin = 0; begin < items.size(); begin += length) {
        of_runs.push_back(tree_sum(std::span(items).subspan(begin, length)));
      }
      CHECK(tree_sum(of_runs) == tree_sum(items));
    }
  }
  CHECK(tree_sum({}) == 0);
}
