#include "node_map.hpp"

#include <algorithm>
#include <bit>

namespace colonnade {

NodeMap::NodeMap(std::span<const int> node_of_rank) {
  std::vector<int> numbers;  // of the nodes found so far
  for (const int number : node_of_rank) {
    const auto found = std::find(numbers.begin(), numbers.end(), number);
    const auto node = static_cast<std::size_t>(found - numbers.begin());
    if (found == numbers.end()) {
      numbers.push_back(number);
      ranks_.emplace_back();
    }
    place_.push_back(static_cast<int>(ranks_[node].size()));
    ranks_[node].push_back(static_cast<int>(node_of_.size()));
    node_of_.push_back(static_cast<int>(node));
  }
}

int NodeMap::most_ranks() const {
  std::size_t most = 0;
  for (const std::vector<int>& ranks : ranks_) most = std::max(most, ranks.size());
  return static_cast<int>(most);
}

int NodeMap::agent_of(int rank, int node) const {
  const std::span<const int> agents = ranks_of(node);
  return agents[static_cast<std::size_t>(place_[static_cast<std::size_t>(rank)]) % agents.size()];
}

bool NodeMap::is_tree_of_nodes() const {
  const std::size_t width = ranks_.front().size();
  if (!std::has_single_bit(width)) return false;
  for (std::size_t rank = 0; rank < node_of_.size(); ++rank)
    if (node_of_[rank] != static_cast<int>(rank / width)) return false;
  return true;
}

}  // namespace colonnade
