// Small buffers are copied before the meeting, to where they can stay, so that there is nothing to
// wait for at its end. Of large ones ranks show where they lie, and meet again before these may
// change. What lies in common memory is everywhere as soon as it is written. A process can't read
// what another has elsewhere: such buffers pass through the slots, part by part.
#include "node_transport.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "add_along_tree.hpp"
#include "number_type.hpp"

namespace colonnade {

namespace {

/// memcpy may not be given the null pointer of something empty.
void copy_bytes(void* to, const void* from, std::size_t count) {
  if (count > 0) std::memcpy(to, from, count);
}

const Range& piece_of(std::span<const Range> pieces, int rank) {
  return pieces[static_cast<std::size_t>(rank)];
}

Index longest_of(std::span<const Range> pieces) {
  Index longest = 0;
  for (const Range piece : pieces) longest = std::max(longest, piece.size());
  return longest;
}

/// result = the arrays of all ranks, reduced; sums along the tree, so that they are the same for
/// any timing. `array(rank)` points to `count` numbers.
template <class T, class Array>
void reduce(int ranks, const Array& array, Index count, T* result, Reduction reduction) {
  if (reduction == Reduction::sum) return add_along_tree(ranks, array, count, result);
  std::copy_n(array(0), count, result);
  for (int rank = 1; rank < ranks; ++rank) {
    const T* const other = array(rank);
    for (Index i = 0; i < count; ++i) {
      result[i] = reduction == Reduction::min ? std::min(result[i], other[i])
                                              : std::max(result[i], other[i]);
    }
  }
}

}  // namespace

// --- All-gather ----------------------------------------------------------------------------------

void NodeTransport::all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                               DataType type) {
  const std::size_t scale = static_cast<std::size_t>(unit) * size_of(type);
  const auto begin_of = [&](int rank) {
    return static_cast<std::size_t>(piece_of(pieces, rank).begin) * scale;
  };
  const auto bytes_of = [&](int rank) {
    return static_cast<std::size_t>(piece_of(pieces, rank).size()) * scale;
  };
  auto* const bytes = static_cast<std::byte*>(buffer);
  const std::size_t longest = static_cast<std::size_t>(longest_of(pieces)) * scale;
  const bool is_small = longest <= Seat::small_bytes;
  node_->show(buffer);
  if (is_small) copy_bytes(node_->next_slot(), bytes + begin_of(rank()), bytes_of(rank()));
  node_->enter();
  if (node_->all_are_one()) return;
  if (is_small) {
    for (int peer = 0; peer < size(); ++peer)
      if (peer != rank()) copy_bytes(bytes + begin_of(peer), node_->met_slot(peer), bytes_of(peer));
    return;
  }
  if (!node_->sees_what_is_shown()) return gather_through_slots(bytes, pieces, scale, longest);
  for (int peer = 0; peer < size(); ++peer) {
    if (peer != rank())
      copy_bytes(bytes + begin_of(peer), node_->shown(peer) + begin_of(peer), bytes_of(peer));
  }
  node_->leave();
}

void NodeTransport::gather_through_slots(std::byte* buffer, std::span<const Range> pieces,
                                         std::size_t scale, std::size_t longest) {
  for (std::size_t done = 0; done < longest; done += Seat::slot_bytes) {
    const auto begin_of = [&](int rank) {
      return static_cast<std::size_t>(piece_of(pieces, rank).begin) * scale + done;
    };
    const auto bytes_of = [&](int rank) {
      const std::size_t all = static_cast<std::size_t>(piece_of(pieces, rank).size()) * scale;
      return std::min(all - std::min(all, done), Seat::slot_bytes);
    };
    copy_bytes(node_->next_slot(), buffer + begin_of(rank()), bytes_of(rank()));
    node_->meet();
    for (int peer = 0; peer < size(); ++peer)
      if (peer != rank())
        copy_bytes(buffer + begin_of(peer), node_->met_slot(peer), bytes_of(peer));
  }
}

// --- Reduce-scatter ------------------------------------------------------------------------------

void NodeTransport::reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                                   Index unit, DataType type, SumOrder /*order*/) {
  check_number_type(type);  // for after a meeting nothing may throw
  with_number_type(type, [&]<class T>(T) {
    scatter_sums(static_cast<const T*>(send), static_cast<T*>(receive), pieces, unit);
  });
}

template <class T>
void NodeTransport::scatter_sums(const T* send, T* receive, std::span<const Range> pieces,
                                 Index unit) {
  const std::size_t bytes = static_cast<std::size_t>(pieces.back().end * unit) * sizeof(T);
  const Range own = {piece_of(pieces, rank()).begin * unit, piece_of(pieces, rank()).end * unit};
  const bool is_small = bytes <= Seat::small_bytes;
  node_->show(send);
  if (is_small) copy_bytes(node_->next_slot(), send, bytes);
  node_->enter();
  if (!is_small && !node_->sees_what_is_shown())
    return scatter_through_slots(send, receive, pieces, unit);
  const auto piece = [&](Index peer) {
    const int rank = static_cast<int>(peer);
    return reinterpret_cast<const T*>(is_small ? node_->met_slot(rank) : node_->shown(rank)) +
           own.begin;
  };
  add_along_tree(size(), piece, own.size(), receive);
  if (!is_small) node_->leave();
}

template <class T>
void NodeTransport::scatter_through_slots(const T* send, T* receive, std::span<const Range> pieces,
                                          Index unit) {
  const Index longest = longest_of(pieces) * unit;
  // A slot holds a part for each rank.
  const Index part = static_cast<Index>(Seat::slot_bytes / sizeof(T)) / size();
  for (Index done = 0; done < longest; done += part) {
    const auto length_of = [&](int rank) {
      return std::clamp(piece_of(pieces, rank).size() * unit - done, Index{0}, part);
    };
    for (int peer = 0; peer < size(); ++peer) {
      copy_bytes(node_->next_slot() + static_cast<std::size_t>(part * peer) * sizeof(T),
                 send + piece_of(pieces, peer).begin * unit + done,
                 static_cast<std::size_t>(length_of(peer)) * sizeof(T));
    }
    node_->meet();
    const auto own_part = [&](Index peer) {
      return reinterpret_cast<const T*>(node_->met_slot(static_cast<int>(peer))) + part * rank();
    };
    if (length_of(rank()) > 0) add_along_tree(size(), own_part, length_of(rank()), receive + done);
  }
}

// --- All-reduce ----------------------------------------------------------------------------------

void NodeTransport::all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                               SumOrder /*order*/) {
  check_number_type(type);
  with_number_type(type,
                   [&]<class T>(T) { reduce_for_all(static_cast<T*>(buffer), count, reduction); });
}

template <class T>
void NodeTransport::reduce_for_all(T* buffer, Index count, Reduction reduction) {
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
  const bool is_small = bytes <= Seat::small_bytes;
  node_->show(buffer);
  if (is_small) copy_bytes(node_->next_slot(), buffer, bytes);
  node_->enter();
  if (is_small) {
    const auto all = [&](Index peer) {
      return reinterpret_cast<const T*>(node_->met_slot(static_cast<int>(peer)));
    };
    return reduce(size(), all, count, buffer, reduction);
  }
  if (!node_->sees_what_is_shown()) return reduce_through_slots(buffer, count, reduction);
  reduce_in_place<T>(shard_range(count, size(), rank()), reduction);
  node_->leave();
}

/// Reduces the elements `part`, which no other rank touches, and writes them into all buffers.
template <class T>
void NodeTransport::reduce_in_place(Range part, Reduction reduction) {
  std::array<T, 2048> results;  // NOLINT: written before it is read
  const Index chunk = static_cast<Index>(results.size());
  for (Index begin = part.begin; begin < part.end; begin += chunk) {
    const Index length = std::min(chunk, part.end - begin);
    const auto buffer = [&](Index peer) {
      return reinterpret_cast<T*>(node_->shown(static_cast<int>(peer))) + begin;
    };
    reduce(size(), buffer, length, results.data(), reduction);
    for (int peer = 0; peer < size(); ++peer) std::copy_n(results.data(), length, buffer(peer));
  }
}

// Two meetings for each part: after the first each rank reduces a share of it, after the second all
// shares are there.
template <class T>
void NodeTransport::reduce_through_slots(T* buffer, Index count, Reduction reduction) {
  const Index slot = static_cast<Index>(Seat::slot_bytes / sizeof(T));
  for (Index done = 0; done < count; done += slot) {
    const Index length = std::min(slot, count - done);
    const auto share_of = [&](int rank) { return shard_range(length, size(), rank); };
    copy_bytes(node_->next_slot(), buffer + done, static_cast<std::size_t>(length) * sizeof(T));
    node_->meet();
    const auto own_share = [&](Index peer) {
      return reinterpret_cast<const T*>(node_->met_slot(static_cast<int>(peer))) +
             share_of(rank()).begin;
    };
    reduce(size(), own_share, share_of(rank()).size(), reinterpret_cast<T*>(node_->next_slot()),
           reduction);
    node_->meet();
    for (int peer = 0; peer < size(); ++peer) {
      copy_bytes(buffer + done + share_of(peer).begin, node_->met_slot(peer),
                 static_cast<std::size_t>(share_of(peer).size()) * sizeof(T));
    }
  }
}

// --- Broadcast -----------------------------------------------------------------------------------

void NodeTransport::broadcast(void* buffer, Index count, DataType type, int root) {
  const std::size_t all = static_cast<std::size_t>(count) * size_of(type);
  auto* const bytes = static_cast<std::byte*>(buffer);
  for (std::size_t done = 0; done == 0 || done < all; done += Seat::slot_bytes) {
    const std::size_t part = std::min(all - done, Seat::slot_bytes);
    if (rank() == root) copy_bytes(node_->next_slot(), bytes + done, part);
    if (done == 0)
      node_->enter();
    else
      node_->meet();
    if (rank() != root) copy_bytes(bytes + done, node_->met_slot(root), part);
  }
}

// --- What is under way ---------------------------------------------------------------------------

// In shared memory nothing is under way by itself: a sum takes a rank's own work, now or later. So
// it is all done in finish_first(), in the order started.

void NodeTransport::keep(const Started& what, std::span<const Range> pieces) {
  started_.push_back(what);
  started_.back().call = node_->announced();
  pieces_of_started_.insert(pieces_of_started_.end(), pieces.begin(), pieces.end());
  pieces_of_started_.resize(started_.size() * static_cast<std::size_t>(size()));
}

void NodeTransport::start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                     DataType type) {
  keep({.buffer = buffer, .unit = unit, .type = type}, pieces);
}

void NodeTransport::start_all_reduce(void* buffer, Index count, DataType type) {
  keep({.buffer = buffer, .count = count, .type = type}, {});
}

void NodeTransport::start_reduce_scatter(const void* send, void* receive,
                                         std::span<const Range> pieces, Index unit, DataType type) {
  keep({.send = send, .buffer = receive, .unit = unit, .type = type}, pieces);
}

void NodeTransport::finish_first() {
  const Started first = started_.front();
  const std::span<const Range> pieces(pieces_of_started_.data(), static_cast<std::size_t>(size()));
  announce(first.call);
  switch (first.call.kind) {
    case Collective::all_gather:
      all_gather(first.buffer, pieces, first.unit, first.type);
      break;
    case Collective::reduce_scatter:
      reduce_scatter(first.send, first.buffer, pieces, first.unit, first.type, SumOrder::any);
      break;
    default:
      all_reduce(first.buffer, first.count, first.type, Reduction::sum, SumOrder::any);
  }
  started_.erase(started_.begin());
  pieces_of_started_.erase(pieces_of_started_.begin(), pieces_of_started_.begin() + size());
}

}  // namespace colonnade
