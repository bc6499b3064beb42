#include "node.hpp"

#include <new>

#include "place.hpp"

namespace colonnade {

void Board::make(std::byte* memory, int ranks) {
  new (memory) Meeting;
  for (int rank = 0; rank < ranks; ++rank)
    new (memory + sizeof(Meeting) + sizeof(Seat) * static_cast<std::size_t>(rank)) Seat;
}

Node::Node(Board board, int rank, int size, Waiting waiting)
    : board_(std::move(board)),
      rank_(rank),
      size_(size),
      waiting_(waiting),
      world_rank_(rank),
      common_({.grow = [this](std::size_t bytes) { return grow_common_memory(bytes); },
               .meet = [this](std::size_t bytes) { meet_for_common_memory(bytes); }},
              meetings_),
      visible_(common_, rank, size) {}

void Node::announce(const Fingerprint& next) {
  next_entry().call = next;
  world_rank_ = next.rank;
}

SharedBlock Node::grow_common_memory(std::size_t bytes) {
  meet_for_common_memory(bytes);
  return share_block(bytes);
}

void Node::meet_for_common_memory(std::size_t bytes) {
  Fingerprint call;
  call.kind = Collective::allocation;
  call.count = static_cast<std::int64_t>(bytes);
  call.rank = world_rank_;
  const Inside inside(place_.get(), Whereabouts::inside, call);
  announce(call);
  enter();
}

void Node::meet() {
  board_.meeting().enter(size_, waiting_);
  turn_ = 1 - turn_;
  ++meetings_;
}

void Node::leave() {
  board_.meeting().leave(size_, waiting_);
  turn_ = 1 - turn_;
  ++meetings_;
}

void Node::enter() {
  meet();
  for (int peer = 0; peer < size_; ++peer) {
    if (same_collective(met_entry(peer).call, met_entry(rank_).call)) continue;
    std::vector<Fingerprint> calls;
    for (int each = 0; each < size_; ++each) calls.push_back(met_entry(each).call);
    throw different_collectives(calls, rank_);
  }
}

void Node::show(const void* buffer) {
  Entry& own = next_entry();
  own.history = common_.history();
  own.sight = {};
  if (const auto place = common_.place_of(buffer)) {
    own.sight = {Sight::Kind::common, *place};
  } else if (sees_all()) {
    own.sight = {Sight::Kind::own, reinterpret_cast<std::uintptr_t>(buffer)};
  }
}

std::byte* Node::find(const Sight& sight) const {
  if (sight.kind == Sight::Kind::common) return common_.at(sight.place);
  return reinterpret_cast<std::byte*>(sight.place);
}

bool Node::sees_what_is_shown() {
  for (int peer = 0; peer < size_; ++peer)
    if (met_entry(peer).sight.kind == Sight::Kind::hidden) return false;
  return true;
}

bool Node::all_are_one() {
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

}  // namespace colonnade
