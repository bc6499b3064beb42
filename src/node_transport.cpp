// Small buffers are copied before the meeting, to where they can stay, so that there is nothing to
// wait for at its end. Of large ones ranks show where they lie, and meet again before these may
// change. What lies in common memory is everywhere as soon as it is written. A process can't read
// what another has elsewhere: such buffers pass through the slots, part by part.
#include "node_transport.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

#include "add_along_tree.hpp"
#include "place.hpp"

namespace colonnade {

namespace {

/// Calls work(T{}) with the type that `type` stands for.
template <class Work>
void with_number_type(DataType type, Work&& work) {
  switch (type) {
    case DataType::float32:
      return work(float{});
    case DataType::float64:
      return work(double{});
    case DataType::int64:
      return work(std::int64_t{});
    case DataType::byte:
      return;
  }
}

/// memcpy may not be given the null pointer of something empty.
void copy_bytes(void* to, const void* from, std::size_t count) {
  if (count > 0) std::memcpy(to, from, count);
}

/// Before a meeting, for after it nothing may throw.
void check_number_type(DataType type) {
  if (type == DataType::byte)
    throw Error("bytes cannot be reduced", {.wanted = "float32, float64 or int64"});
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

void Board::make(std::byte* memory, int ranks) {
  new (memory) Meeting;
  for (int rank = 0; rank < ranks; ++rank)
    new (memory + sizeof(Meeting) + sizeof(Seat) * static_cast<std::size_t>(rank)) Seat;
}

NodeTransport::NodeTransport(Board board, int rank, int size, bool crowded)
    : board_(std::move(board)),
      rank_(rank),
      size_(size),
      crowded_(crowded),
      world_rank_(rank),
      common_({.grow = [this](std::size_t bytes) { return grow_common_memory(bytes); },
               .meet = [this](std::size_t bytes) { meet_for_common_memory(bytes); }},
              meetings_),
      visible_(common_, rank, size) {}

// --- Meetings ------------------------------------------------------------------------------------

void NodeTransport::announce(const Fingerprint& next) {
  next_entry().call = next;
  world_rank_ = next.rank;
}

SharedBlock NodeTransport::grow_common_memory(std::size_t bytes) {
  meet_for_common_memory(bytes);
  return share_block(bytes);
}

void NodeTransport::meet_for_common_memory(std::size_t bytes) {
  Fingerprint call;
  call.kind = Collective::allocation;
  call.count = static_cast<std::int64_t>(bytes);
  call.rank = world_rank_;
  const Inside inside(place_.get(), Whereabouts::inside, call, std::chrono::steady_clock::now());
  announce(call);
  enter();
}

void NodeTransport::meet() {
  board_.meeting().enter(size_, crowded_);
  turn_ = 1 - turn_;
  ++meetings_;
}

void NodeTransport::leave() {
  board_.meeting().leave(size_, crowded_);
  turn_ = 1 - turn_;
  ++meetings_;
}

void NodeTransport::enter() {
  meet();
  for (int peer = 0; peer < size_; ++peer)
    if (!same_collective(met_entry(peer).call, met_entry(rank_).call)) refuse();
}

void NodeTransport::refuse() {
  std::vector<Fingerprint> calls;
  for (int peer = 0; peer < size_; ++peer) calls.push_back(met_entry(peer).call);
  throw different_collectives(calls, rank_);
}

void NodeTransport::show(const void* buffer) {
  Entry& own = next_entry();
  own.history = common_.history();
  own.sight = {};
  if (const auto place = common_.place_of(buffer)) {
    own.sight = {Sight::Kind::common, *place};
  } else if (sees_all()) {
    own.sight = {Sight::Kind::own, reinterpret_cast<std::uintptr_t>(buffer)};
  }
}

std::byte* NodeTransport::find(const Sight& sight) const {
  if (sight.kind == Sight::Kind::common) return common_.at(sight.place);
  return reinterpret_cast<std::byte*>(sight.place);
}

bool NodeTransport::somebody_shows(Sight::Kind kind) {
  for (int peer = 0; peer < size_; ++peer)
    if (met_entry(peer).sight.kind == kind) return true;
  return false;
}

/// Whether what all show is the same memory.
bool NodeTransport::all_are_one() {
  const Entry& own = met_entry(rank_);
  bool one = own.sight.kind == Sight::Kind::common;
  for (int peer = 0; peer < size_; ++peer) {
    const Entry& other = met_entry(peer);
    const bool both_common = one && other.sight.kind == Sight::Kind::common;
    if (both_common && other.history != own.history) {
      throw Error("ranks have not taken and given back the same tensors of common memory",
                  {.hint = "ProcessGroup::common_memory says what may live there"});
    }
    one = both_common && other.sight.place == own.sight.place;
    if (!one) break;
  }
  return one;
}

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
  show(buffer);
  if (is_small) copy_bytes(next_slot(), bytes + begin_of(rank_), bytes_of(rank_));
  enter();
  if (all_are_one()) return;
  if (is_small) {
    for (int peer = 0; peer < size_; ++peer)
      if (peer != rank_) copy_bytes(bytes + begin_of(peer), met_slot(peer), bytes_of(peer));
    return;
  }
  if (somebody_shows(Sight::Kind::hidden))
    return gather_through_slots(bytes, pieces, scale, longest);
  for (int peer = 0; peer < size_; ++peer) {
    if (peer != rank_)
      copy_bytes(bytes + begin_of(peer), shown(peer) + begin_of(peer), bytes_of(peer));
  }
  leave();
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
    copy_bytes(next_slot(), buffer + begin_of(rank_), bytes_of(rank_));
    meet();
    for (int peer = 0; peer < size_; ++peer)
      if (peer != rank_) copy_bytes(buffer + begin_of(peer), met_slot(peer), bytes_of(peer));
  }
}

// --- Reduce-scatter ------------------------------------------------------------------------------

void NodeTransport::reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                                   Index unit, DataType type, SumOrder /*order*/) {
  check_number_type(type);
  with_number_type(type, [&]<class T>(T) {
    scatter_sums(static_cast<const T*>(send), static_cast<T*>(receive), pieces, unit);
  });
}

template <class T>
void NodeTransport::scatter_sums(const T* send, T* receive, std::span<const Range> pieces,
                                 Index unit) {
  const std::size_t bytes = static_cast<std::size_t>(pieces.back().end * unit) * sizeof(T);
  const Range own = {piece_of(pieces, rank_).begin * unit, piece_of(pieces, rank_).end * unit};
  const bool is_small = bytes <= Seat::small_bytes;
  show(send);
  if (is_small) copy_bytes(next_slot(), send, bytes);
  enter();
  if (!is_small && somebody_shows(Sight::Kind::hidden))
    return scatter_through_slots(send, receive, pieces, unit);
  const auto piece = [&](Index peer) {
    const int rank = static_cast<int>(peer);
    return reinterpret_cast<const T*>(is_small ? met_slot(rank) : shown(rank)) + own.begin;
  };
  add_along_tree(size_, piece, own.size(), receive);
  if (!is_small) leave();
}

template <class T>
void NodeTransport::scatter_through_slots(const T* send, T* receive, std::span<const Range> pieces,
                                          Index unit) {
  const Index longest = longest_of(pieces) * unit;
  // A slot holds a part for each rank.
  const Index part = static_cast<Index>(Seat::slot_bytes / sizeof(T)) / size_;
  for (Index done = 0; done < longest; done += part) {
    const auto length_of = [&](int rank) {
      return std::clamp(piece_of(pieces, rank).size() * unit - done, Index{0}, part);
    };
    for (int peer = 0; peer < size_; ++peer) {
      copy_bytes(next_slot() + static_cast<std::size_t>(part * peer) * sizeof(T),
                 send + piece_of(pieces, peer).begin * unit + done,
                 static_cast<std::size_t>(length_of(peer)) * sizeof(T));
    }
    meet();
    const auto own_part = [&](Index peer) {
      return reinterpret_cast<const T*>(met_slot(static_cast<int>(peer))) + part * rank_;
    };
    if (length_of(rank_) > 0) add_along_tree(size_, own_part, length_of(rank_), receive + done);
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
  show(buffer);
  if (is_small) copy_bytes(next_slot(), buffer, bytes);
  enter();
  if (is_small) {
    const auto all = [&](Index peer) {
      return reinterpret_cast<const T*>(met_slot(static_cast<int>(peer)));
    };
    return reduce(size_, all, count, buffer, reduction);
  }
  if (somebody_shows(Sight::Kind::hidden)) return reduce_through_slots(buffer, count, reduction);
  reduce_in_place<T>(shard_range(count, size_, rank_), reduction);
  leave();
}

/// Reduces the elements `part`, which no other rank touches, and writes them into all buffers.
template <class T>
void NodeTransport::reduce_in_place(Range part, Reduction reduction) {
  std::array<T, 2048> results;  // NOLINT: written before it is read
  const Index chunk = static_cast<Index>(results.size());
  for (Index begin = part.begin; begin < part.end; begin += chunk) {
    const Index length = std::min(chunk, part.end - begin);
    const auto buffer = [&](Index peer) {
      return reinterpret_cast<T*>(shown(static_cast<int>(peer))) + begin;
    };
    reduce(size_, buffer, length, results.data(), reduction);
    for (int peer = 0; peer < size_; ++peer) std::copy_n(results.data(), length, buffer(peer));
  }
}

// Two meetings for each part: after the first each rank reduces a share of it, after the second all
// shares are there.
template <class T>
void NodeTransport::reduce_through_slots(T* buffer, Index count, Reduction reduction) {
  const Index slot = static_cast<Index>(Seat::slot_bytes / sizeof(T));
  for (Index done = 0; done < count; done += slot) {
    const Index length = std::min(slot, count - done);
    const auto share_of = [&](int rank) { return shard_range(length, size_, rank); };
    copy_bytes(next_slot(), buffer + done, static_cast<std::size_t>(length) * sizeof(T));
    meet();
    const auto own_share = [&](Index peer) {
      return reinterpret_cast<const T*>(met_slot(static_cast<int>(peer))) + share_of(rank_).begin;
    };
    reduce(size_, own_share, share_of(rank_).size(), reinterpret_cast<T*>(next_slot()), reduction);
    meet();
    for (int peer = 0; peer < size_; ++peer) {
      copy_bytes(buffer + done + share_of(peer).begin, met_slot(peer),
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
    if (rank_ == root) copy_bytes(next_slot(), bytes + done, part);
    if (done == 0)
      enter();
    else
      meet();
    if (rank_ != root) copy_bytes(bytes + done, met_slot(root), part);
  }
}

// --- What is under way ---------------------------------------------------------------------------

// In shared memory nothing is under way by itself: a sum takes a rank's own work, now or later. So
// it is all done in finish_first(), in the order started.

void NodeTransport::keep(const Started& what, std::span<const Range> pieces) {
  started_.push_back(what);
  started_.back().call = next_entry().call;
  pieces_of_started_.insert(pieces_of_started_.end(), pieces.begin(), pieces.end());
  pieces_of_started_.resize(started_.size() * static_cast<std::size_t>(size_));
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
  const std::span<const Range> pieces(pieces_of_started_.data(), static_cast<std::size_t>(size_));
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
  pieces_of_started_.erase(pieces_of_started_.begin(), pieces_of_started_.begin() + size_);
}

}  // namespace colonnade
