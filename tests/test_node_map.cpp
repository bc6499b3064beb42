#include "node_map.hpp"

#include "colonnade/tree_sum.hpp"
#include "harness.hpp"

using colonnade::Index;
using colonnade::NodeMap;

namespace {

std::string numbered(std::size_t i) {
  return std::to_string(i);
}

/// The sum along the tree, as one writes it down: ((0+1)+2).
std::string tree_of(const std::vector<std::string>& items) {
  std::vector<std::string> stack;
  colonnade::sum_along_tree(
      static_cast<Index>(items.size()),
      [&](Index i) { stack.push_back(items[static_cast<std::size_t>(i)]); },
      [&] {
        const std::string right = stack.back();
        stack.pop_back();
        stack.back() = "(" + stack.back() + "+" + right + ")";
      });
  return stack.back();
}

std::vector<int> nodes_of_sizes(const std::vector<int>& sizes) {
  std::vector<int> node;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    node.insert(node.end(), static_cast<std::size_t>(sizes[i]), static_cast<int>(i));
  return node;
}

/// Of the trees of the nodes' ranks.
std::string tree_of_trees(const NodeMap& map) {
  std::vector<std::string> sums;
  for (int node = 0; node < map.nodes(); ++node) {
    std::vector<std::string> items;
    for (const int rank : map.ranks_of(node)) items.push_back(numbered(std::size_t(rank)));
    sums.push_back(tree_of(items));
  }
  return tree_of(sums);
}

}  // namespace

TEST_CASE("nodes are counted by their first ranks, whatever their numbers") {
  const NodeMap map(std::vector<int>{7, 3, 7, 7, 0});
  CHECK(map.nodes() == 3);
  CHECK(map.node_of(3) == 0);
  CHECK(map.node_of(1) == 1);
  CHECK(map.ranks_of(0).size() == 3);
  CHECK(map.ranks_of(0)[1] == 2);
  CHECK(map.ranks_of(2)[0] == 4);
  CHECK(map.most_ranks() == 3);
}

TEST_CASE("the agents of a node's ranks take turns") {
  const NodeMap map(std::vector<int>{0, 1, 0, 1, 0});
  CHECK(map.agent_of(0, 1) == 1);
  CHECK(map.agent_of(2, 1) == 3);
  CHECK(map.agent_of(4, 1) == 1);  // the other node has only two
  CHECK(map.agent_of(1, 0) == 0);
  CHECK(map.agent_of(3, 0) == 2);
}

// The tree is written down both ways, for all small clusters of up to four nodes.
TEST_CASE("a tree of nodes is one exactly where it has the order of the tree of all ranks") {
  int trees = 0, others = 0;
  for (int code = 1; code < 5 * 5 * 5 * 5; ++code) {
    std::vector<int> sizes;
    for (int rest = code; rest > 0; rest /= 5)
      if (rest % 5 > 0) sizes.push_back(rest % 5);
    const NodeMap map(nodes_of_sizes(sizes));
    std::vector<std::string> ranks;
    for (std::size_t rank = 0; rank < nodes_of_sizes(sizes).size(); ++rank)
      ranks.push_back(numbered(rank));
    CAPTURE(tree_of_trees(map));
    if (map.is_tree_of_nodes()) {
      ++trees;
      CHECK(tree_of_trees(map) == tree_of(ranks));
    } else {
      ++others;
    }
  }
  CHECK(trees > 50);
  CHECK(others > 50);
}

TEST_CASE("which nodes make a tree") {
  const auto make_tree = [](const std::vector<int>& node) {
    return NodeMap(node).is_tree_of_nodes();
  };
  CHECK(make_tree({0, 0, 1, 1}));
  CHECK(make_tree({0, 0, 1}));
  CHECK(make_tree({0, 1, 2}));
  CHECK(make_tree({0, 0, 0, 0, 1, 1, 1}));
  CHECK_FALSE(make_tree({0, 1, 1, 1}));        // ((0+1)+(2+3)) isn't 0+((1+2)+3)
  CHECK_FALSE(make_tree({0, 0, 0, 1, 1, 1}));  // three are no power of two
  CHECK_FALSE(make_tree({0, 1, 0, 1}));        // not runs
}
