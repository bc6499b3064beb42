// What crosses between the nodes of a group, once for each two nodes: a piece of a gather goes to
// one rank of each other node, which receives it where all of its node see it; of a sum, each node
// sends one for each piece.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "messages.hpp"
#include "node.hpp"
#include "node_map.hpp"

namespace colonnade {

/// This rank's part in it. Pieces are those of Transport.
class NodeTransfers {
 public:
  /// One that is under way.
  struct Transfer {
    explicit Transfer(MPI_Comm communicator) : messages(communicator) {}

    Messages messages;
    void* buffer = nullptr;  // that is gathered, or where sums are received
    // Of a reduce-scatter:
    Index count = 0;
    DataType type = DataType::byte;
    std::vector<std::byte> sums;      // of this node, for wards_ one after the other
    std::vector<std::byte> received;  // for this rank, from agents_ one after the other
  };

  /// `rank` is this one's among those of `map`. `node` must outlive this.
  NodeTransfers(const NodeMap& map, Node& node, int rank);

  /// The pieces of other nodes' ranks come where one rank of this node, the owner's agent, has its
  /// `buffer`.
  void start_gather(Transfer& transfer, void* buffer, std::span<const Range> pieces, Index unit,
                    DataType type) const;

  /// Adds what the ranks of this node have shown at the meeting before, and sends the sums off.
  /// Peers' buffers are read here and nowhere else, and each piece of them by one rank only: its
  /// owner or the owner's agent. `receive` may be this rank's piece of its own buffer.
  void start_scatter(Transfer& transfer, void* receive, std::span<const Range> pieces, Index unit,
                     DataType type) const;

  /// Adds the sums of all nodes.
  void finish_scatter(Transfer& transfer) const;

  // After a gather of private buffers, which the ranks of this node have shown at the meeting
  // before: into those of the others, what is this rank's, and what it has received.

  void hand_out_own(const void* buffer, std::span<const Range> pieces, DataType type) const;
  void hand_out_received(const void* buffer, std::span<const Range> pieces, DataType type) const;

 private:
  void add_on_node(Range elements, DataType type, void* sum) const;
  void hand_out(const void* buffer, Range piece, DataType type) const;

  Node& node_;
  int nodes_;
  int own_node_;
  int rank_;
  std::vector<int> agents_;  // of each other node, in order, the one that deals with this rank
  std::vector<int> wards_;   // the ranks of other nodes that this one deals with
};

}  // namespace colonnade
