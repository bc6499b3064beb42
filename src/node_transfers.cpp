#include "node_transfers.hpp"

#include <algorithm>

#include "add_along_tree.hpp"
#include "number_type.hpp"

namespace colonnade {

namespace {

/// The elements of a rank's piece.
Range elements_of(std::span<const Range> pieces, Index unit, int rank) {
  const Range piece = pieces[static_cast<std::size_t>(rank)];
  return {piece.begin * unit, piece.end * unit};
}

}  // namespace

NodeTransfers::NodeTransfers(const NodeMap& map, Node& node, int rank)
    : node_(node), nodes_(map.nodes()), own_node_(map.node_of(rank)), rank_(rank) {
  for (int other = 0; other < nodes_; ++other) {
    if (other == own_node_) continue;
    agents_.push_back(map.agent_of(rank, other));
    for (const int ward : map.ranks_of(other))
      if (map.agent_of(ward, own_node_) == rank) wards_.push_back(ward);
  }
}

void NodeTransfers::start_gather(Transfer& transfer, void* buffer, std::span<const Range> pieces,
                                 Index unit, DataType type) const {
  transfer.buffer = buffer;
  for (const int ward : wards_) {
    const Range piece = elements_of(pieces, unit, ward);
    transfer.messages.receive(element_at(buffer, piece.begin, type), piece.size(), type, ward);
  }
  const Range own = elements_of(pieces, unit, rank_);
  for (const int agent : agents_)
    transfer.messages.send(element_at(buffer, own.begin, type), own.size(), type, agent);
}

void NodeTransfers::start_scatter(Transfer& transfer, void* receive, std::span<const Range> pieces,
                                  Index unit, DataType type) const {
  const Range own = elements_of(pieces, unit, rank_);
  transfer.buffer = receive;
  transfer.count = own.size();
  transfer.type = type;
  transfer.received.resize(static_cast<std::size_t>(own.size()) * size_of(type) * agents_.size());
  Index place = 0;
  for (const int agent : agents_) {
    transfer.messages.receive(element_at(transfer.received.data(), place, type), own.size(), type,
                              agent);
    place += own.size();
  }
  Index all = 0;
  for (const int ward : wards_) all += elements_of(pieces, unit, ward).size();
  transfer.sums.resize(static_cast<std::size_t>(all) * size_of(type));
  place = 0;
  for (const int ward : wards_) {
    const Range piece = elements_of(pieces, unit, ward);
    std::byte* const sum = element_at(transfer.sums.data(), place, type);
    add_on_node(piece, type, sum);
    transfer.messages.send(sum, piece.size(), type, ward);
    place += piece.size();
  }
  add_on_node(own, type, receive);
}

void NodeTransfers::add_on_node(Range elements, DataType type, void* sum) const {
  with_number_type(type, [&]<class T>(T) {
    const auto part = [&](Index peer) {
      return reinterpret_cast<const T*>(node_.shown(static_cast<int>(peer))) + elements.begin;
    };
    add_along_tree(node_.size(), part, elements.size(), static_cast<T*>(sum));
  });
}

void NodeTransfers::finish_scatter(Transfer& transfer) const {
  transfer.messages.wait();
  with_number_type(transfer.type, [&]<class T>(T) {
    T* const own = static_cast<T*>(transfer.buffer);
    const T* const received = reinterpret_cast<const T*>(transfer.received.data());
    const auto sum_of = [&](Index node) -> const T* {
      if (node == own_node_) return own;
      return received + (node < own_node_ ? node : node - 1) * transfer.count;
    };
    add_along_tree(nodes_, sum_of, transfer.count, own);
  });
}

void NodeTransfers::hand_out_own(const void* buffer, std::span<const Range> pieces,
                                 DataType type) const {
  hand_out(buffer, elements_of(pieces, 1, rank_), type);
}

void NodeTransfers::hand_out_received(const void* buffer, std::span<const Range> pieces,
                                      DataType type) const {
  for (const int ward : wards_) hand_out(buffer, elements_of(pieces, 1, ward), type);
}

void NodeTransfers::hand_out(const void* buffer, Range piece, DataType type) const {
  const std::byte* const from = element_at(buffer, piece.begin, type);
  const std::size_t bytes = static_cast<std::size_t>(piece.size()) * size_of(type);
  for (int peer = 0; peer < node_.size(); ++peer)
    if (peer != node_.rank())
      std::copy_n(from, bytes, element_at(node_.shown(peer), piece.begin, type));
}

}  // namespace colonnade
