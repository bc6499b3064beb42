// How a call goes on: in chunks through shared memory. Every rank posts its chunk, waits for those
// of all others, takes them, and posts the next once all have taken this one.
#include <algorithm>
#include <cstring>

#include "errors.hpp"
#include "nccl.hpp"

namespace pretended_gpu {
namespace {

const char* name_of(int kind) {
  const char* names[] = {"ncclAllReduce", "ncclReduceScatter", "ncclAllGather",
                         "ncclBroadcast", "ncclSend",          "ncclRecv"};
  return names[kind];
}

std::string text(const Announcement& a) {
  return std::string(name_of(a.kind)) + " of " + std::to_string(a.count) + " values of type " +
         std::to_string(a.type) + ", operation " + std::to_string(a.op) + ", root " +
         std::to_string(a.root);
}

bool same(const Announcement& a, const Announcement& b) {
  return a.kind == b.kind && a.type == b.type && a.op == b.op && a.root == b.root &&
         a.count == b.count;
}

bool point_to_point(Kind kind) {
  return kind == Kind::send || kind == Kind::receive;
}

template <typename T>
T combine(T a, T b, ncclRedOp_t op) {
  switch (op) {
    case ncclProd:
      return static_cast<T>(a * b);
    case ncclMax:
      return std::max(a, b);
    case ncclMin:
      return std::min(a, b);
    default:
      return static_cast<T>(a + b);
  }
}

// In the order of the ranks, so that all get the same bits.
template <typename T>
void reduce_as(const std::vector<const char*>& from, char* to, std::size_t count, ncclRedOp_t op) {
  for (std::size_t i = 0; i < count; ++i) {
    T sum{};
    for (std::size_t rank = 0; rank < from.size(); ++rank) {
      T value;
      std::memcpy(&value, from[rank] + i * sizeof(T), sizeof value);
      sum = rank == 0 ? value : combine(sum, value, op);
    }
    if (op == ncclAvg) sum = static_cast<T>(sum / static_cast<T>(from.size()));
    std::memcpy(to + i * sizeof(T), &sum, sizeof sum);
  }
}

}  // namespace

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

bool reduces(Kind kind) {
  return kind == Kind::all_reduce || kind == Kind::reduce_scatter;
}

std::size_t bytes_sent(const Call& call, int ranks) {
  const std::size_t bytes = call.count * size_of(call.type);
  if (call.kind == Kind::receive) return 0;
  return call.kind == Kind::reduce_scatter ? bytes * static_cast<std::size_t>(ranks) : bytes;
}

std::size_t bytes_received(const Call& call, int ranks) {
  const std::size_t bytes = call.count * size_of(call.type);
  if (call.kind == Kind::send) return 0;
  return call.kind == Kind::all_gather ? bytes * static_cast<std::size_t>(ranks) : bytes;
}

void reduce(const std::vector<const char*>& from, char* to, std::size_t count, ncclDataType_t type,
            ncclRedOp_t op) {
  switch (type) {
    case ncclInt8:
      return reduce_as<std::int8_t>(from, to, count, op);
    case ncclUint8:
      return reduce_as<std::uint8_t>(from, to, count, op);
    case ncclInt32:
      return reduce_as<std::int32_t>(from, to, count, op);
    case ncclUint32:
      return reduce_as<std::uint32_t>(from, to, count, op);
    case ncclInt64:
      return reduce_as<std::int64_t>(from, to, count, op);
    case ncclUint64:
      return reduce_as<std::uint64_t>(from, to, count, op);
    case ncclFloat32:
      return reduce_as<float>(from, to, count, op);
    case ncclFloat64:
      return reduce_as<double>(from, to, count, op);
    default:
      fail("a reduction of a type that is not pretended");
  }
}

bool Transfer::same_way(const Transfer& other) const {
  if (communicator_ != other.communicator_) return false;
  if (!point_to_point(call_.kind)) return !point_to_point(other.call_.kind);
  return call_.kind == other.call_.kind && call_.root == other.call_.root;
}

bool Transfer::advance() {
  if (!complete_) {
    complete_ = communicator_->aborted        ? true
                : call_.kind == Kind::send    ? advance_send()
                : call_.kind == Kind::receive ? advance_receive()
                                              : advance_collective();
  }
  return complete_;
}

bool Transfer::advance_collective() {
  Communicator& c = *communicator_;
  Meeting& meeting = *c.meeting;
  const std::size_t total = bytes_sent(call_, c.ranks);
  const bool lays_out = call_.kind != Kind::broadcast || c.rank == call_.root;
  const auto all = [&](auto counter, std::uint64_t number) {
    for (int rank = 0; rank < c.ranks; ++rank) {
      if (meeting.seat(rank).*counter < number) return false;
    }
    return true;
  };
  while (offset_ < total) {
    const std::size_t bytes = std::min(kChunkBytes, total - offset_);
    Seat& mine = meeting.seat(c.rank);
    if (!posted_) {
      if (!all(&Seat::taken, c.chunks)) return false;
      if (lays_out) {
        std::memcpy(meeting.chunk(c.rank), static_cast<const char*>(call_.send) + offset_, bytes);
      }
      mine.announcement = {static_cast<int>(call_.kind), call_.type,
                           reduces(call_.kind) ? call_.op : 0, call_.root, call_.count};
      mine.posted = ++c.chunks;
      posted_ = true;
    }
    if (!all(&Seat::posted, c.chunks)) return false;
    if (offset_ == 0) compare_announcements();
    take_chunk(offset_, bytes);
    mine.taken = c.chunks;
    posted_ = false;
    offset_ += bytes;
  }
  return true;
}

void Transfer::compare_announcements() const {
  const Announcement& mine = communicator_->meeting->seat(communicator_->rank).announcement;
  for (int rank = 0; rank < communicator_->ranks; ++rank) {
    const Announcement& other = communicator_->meeting->seat(rank).announcement;
    if (same(mine, other)) continue;
    fail("ranks of a communicator do different things: rank " +
         std::to_string(communicator_->rank) + " " + text(mine) + "; rank " + std::to_string(rank) +
         " " + text(other));
  }
}

void Transfer::take_chunk(std::size_t offset, std::size_t bytes) const {
  const Communicator& c = *communicator_;
  char* const to = static_cast<char*>(call_.receive);
  const std::size_t element = size_of(call_.type);
  const std::size_t part = call_.count * element;
  std::vector<const char*> chunks;
  for (int rank = 0; rank < c.ranks; ++rank) chunks.push_back(c.meeting->chunk(rank));
  switch (call_.kind) {
    case Kind::all_reduce:
      return reduce(chunks, to + offset, bytes / element, call_.type, call_.op);
    case Kind::all_gather:
      for (std::size_t rank = 0; rank < chunks.size(); ++rank) {
        std::memcpy(to + rank * part + offset, chunks[rank], bytes);
      }
      return;
    case Kind::broadcast:
      std::memcpy(to + offset, chunks[static_cast<std::size_t>(call_.root)], bytes);
      return;
    default:
      break;
  }
  // Reduce-scatter: of the chunk, what lies in this rank's part.
  const std::size_t begin = std::max(offset, part * static_cast<std::size_t>(c.rank));
  const std::size_t end = std::min(offset + bytes, part * static_cast<std::size_t>(c.rank + 1));
  if (begin >= end) return;
  for (const char*& chunk : chunks) chunk += begin - offset;
  reduce(chunks, to + begin - part * static_cast<std::size_t>(c.rank), (end - begin) / element,
         call_.type, call_.op);
}

// Complete when the peer has taken everything: a send without its receive waits, as on a GPU where
// nothing promises a buffer.
bool Transfer::advance_send() {
  Channel& channel = communicator_->meeting->channel(communicator_->rank, call_.root);
  const std::size_t total = bytes_sent(call_, communicator_->ranks);
  if (channel.taken != channel.posted) return false;
  if (offset_ == total) return true;
  const std::size_t bytes = std::min(kChunkBytes, total - offset_);
  std::memcpy(channel.data, static_cast<const char*>(call_.send) + offset_, bytes);
  channel.message = total;
  offset_ += bytes;
  ++channel.posted;
  return false;
}

bool Transfer::advance_receive() {
  Channel& channel = communicator_->meeting->channel(call_.root, communicator_->rank);
  const std::size_t total = bytes_received(call_, communicator_->ranks);
  if (offset_ == total) return true;
  if (channel.taken == channel.posted) return false;
  if (channel.message != total) {
    fail("rank " + std::to_string(call_.root) + " sends " + std::to_string(channel.message) +
         " bytes, rank " + std::to_string(communicator_->rank) + " receives " +
         std::to_string(total));
  }
  const std::size_t bytes = std::min(kChunkBytes, total - offset_);
  std::memcpy(static_cast<char*>(call_.receive) + offset_, channel.data, bytes);
  offset_ += bytes;
  ++channel.taken;
  return offset_ == total;
}

}  // namespace pretended_gpu
