// Which ranks of a group are on which node, and which of them deal with ranks of other nodes:
// arithmetic, without messages.
#pragma once

#include <span>
#include <vector>

namespace colonnade {

class NodeMap {
 public:
  /// A number for each rank, the same for those of one node.
  explicit NodeMap(std::span<const int> node_of_rank);

  /// Nodes are counted in the order of their first ranks.
  int nodes() const { return static_cast<int>(ranks_.size()); }
  int node_of(int rank) const { return node_of_[static_cast<std::size_t>(rank)]; }
  /// In their order.
  std::span<const int> ranks_of(int node) const { return ranks_[static_cast<std::size_t>(node)]; }
  /// How many ranks the node with the most of them has.
  int most_ranks() const;

  /// The rank of `node` that deals with what comes from and goes to `rank` of another node. Ranks
  /// of one node have different agents where there are enough.
  int agent_of(int rank, int node) const;

  /// Whether the tree of tree_sum.hpp over all ranks is the tree over nodes of the trees over their
  /// ranks: nodes are runs of a power of two of ranks, the last one perhaps shorter.
  bool is_tree_of_nodes() const;

 private:
  std::vector<int> node_of_;             // of each rank
  std::vector<int> place_;               // of each rank among those of its node
  std::vector<std::vector<int>> ranks_;  // of each node
};

}  // namespace colonnade
