// The transport of ranks that are threads. They see each other's memory: between entering and
// leaving a meeting each reads from the others' buffers what it needs. Small buffers are copied
// beforehand, where they can stay, so that there is nothing to wait for at the end.
#include "colonnade/spawn.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "add_along_tree.hpp"
#include "hub.hpp"

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

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Hub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}

  std::string_view name() const override { return "threads"; }
  int rank() const override { return rank_; }
  int size() const override { return hub_->size(); }

  void announce(const Fingerprint& next) override {
    hub_->seat(rank_).announced[static_cast<std::size_t>(turn_)] = next;
  }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    const std::size_t scale = static_cast<std::size_t>(unit) * size_of(type);
    const auto offset = [&](int peer) {
      return static_cast<std::size_t>(pieces[static_cast<std::size_t>(peer)].begin) * scale;
    };
    const auto bytes = [&](int peer) {
      return static_cast<std::size_t>(pieces[static_cast<std::size_t>(peer)].size()) * scale;
    };
    std::size_t longest = 0;
    for (int peer = 0; peer < size(); ++peer) longest = std::max(longest, bytes(peer));
    char* const own = static_cast<char*>(buffer);
    if (longest <= Hub::Seat::small_bytes) {
      const int slot = enter_with_copy(own + offset(rank_), bytes(rank_));
      for (int peer = 0; peer < size(); ++peer)
        if (peer != rank_) copy_bytes(own + offset(peer), small(peer, slot), bytes(peer));
      return;
    }
    enter_with(buffer);
    for (int peer = 0; peer < size(); ++peer) {
      if (peer == rank_) continue;
      copy_bytes(own + offset(peer), static_cast<const char*>(hub_->seat(peer).read) + offset(peer),
                 bytes(peer));
    }
    hub_->leave();
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder /*order*/) override {
    check_number_type(type);
    const std::size_t bytes = static_cast<std::size_t>(pieces.back().end * unit) * size_of(type);
    const Range piece = pieces[static_cast<std::size_t>(rank_)];
    const Range own = {piece.begin * unit, piece.end * unit};
    const bool is_small = bytes <= Hub::Seat::small_bytes;
    const int slot = is_small ? enter_with_copy(send, bytes) : enter_with(send);
    with_number_type(
        type, [&]<class T>(T) { reduce(own, static_cast<T*>(receive), slot, Reduction::sum); });
    if (!is_small) hub_->leave();
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder /*order*/) override {
    check_number_type(type);
    const std::size_t bytes = static_cast<std::size_t>(count) * size_of(type);
    if (bytes <= Hub::Seat::small_bytes) {
      const int slot = enter_with_copy(buffer, bytes);
      with_number_type(type, [&]<class T>(T) {
        reduce({0, count}, static_cast<T*>(buffer), slot, reduction);
      });
      return;
    }
    hub_->seat(rank_).written = buffer;
    enter_with(buffer);
    with_number_type(
        type, [&]<class T>(T) { reduce_for_all<T>(shard_range(count, size(), rank_), reduction); });
    hub_->leave();
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    const std::size_t bytes = static_cast<std::size_t>(count) * size_of(type);
    if (bytes <= Hub::Seat::small_bytes) {
      const int slot = enter_with_copy(buffer, rank_ == root ? bytes : 0);
      if (rank_ != root) copy_bytes(buffer, small(root, slot), bytes);
      return;
    }
    enter_with(buffer);
    if (rank_ != root) copy_bytes(buffer, hub_->seat(root).read, bytes);
    hub_->leave();
  }

  void barrier() override { enter(); }

  // In shared memory nothing is under way by itself: a sum takes a rank's own work, now or later.
  // So it is all done in finish(), in the order started.

  void start_all_reduce(void* buffer, Index count, DataType type) override {
    started_.push_back(
        {.call = announced(rank_, turn_), .buffer = buffer, .count = count, .type = type});
  }

  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    started_.push_back({.call = announced(rank_, turn_),
                        .is_scatter = true,
                        .send = send,
                        .buffer = receive,
                        .first_piece = pieces_of_started_.size(),
                        .unit = unit,
                        .type = type});
    pieces_of_started_.insert(pieces_of_started_.end(), pieces.begin(), pieces.end());
  }

  void progress() override {}

  void finish() override {
    for (const Started& sum : started_) {
      announce(sum.call);
      if (sum.is_scatter) {
        const std::span<const Range> pieces{pieces_of_started_.data() + sum.first_piece,
                                            static_cast<std::size_t>(size())};
        reduce_scatter(sum.send, sum.buffer, pieces, sum.unit, sum.type, SumOrder::any);
      } else {
        all_reduce(sum.buffer, sum.count, sum.type, Reduction::sum, SumOrder::any);
      }
    }
    started_.clear();
    pieces_of_started_.clear();
  }

  std::unique_ptr<Transport> split(int color, int key) override {
    struct Choice {
      int color;
      int key;
      std::shared_ptr<Hub> hub;  // of the new group, in the choice of its first rank
    } own{color, key, nullptr};
    std::vector<int> members;
    members.reserve(static_cast<std::size_t>(size()));
    enter_with(&own);
    const auto choice = [&](int rank) -> const Choice& {
      return *static_cast<const Choice*>(hub_->seat(rank).read);
    };
    for (int rank = 0; rank < size(); ++rank)
      if (choice(rank).color == color) members.push_back(rank);
    std::sort(members.begin(), members.end(), [&](int a, int b) {
      return std::pair(choice(a).key, a) < std::pair(choice(b).key, b);
    });
    if (members.front() == rank_) {
      try {
        own.hub = Hub::make(hub_->world(), static_cast<int>(members.size()));
      } catch (const std::bad_alloc&) {  // thrown again when nobody reads this rank's choice
      }
    }
    hub_->leave();
    std::shared_ptr<Hub> hub = choice(members.front()).hub;
    hub_->leave();
    if (!hub) throw std::bad_alloc();
    const auto place = std::find(members.begin(), members.end(), rank_) - members.begin();
    return std::make_unique<ThreadTransport>(std::move(hub), static_cast<int>(place));
  }

  std::unique_ptr<Transport> split_by_node() override { return split(0, rank_); }

 private:
  const Fingerprint& announced(int rank, int turn) const {
    return hub_->seat(rank).announced[static_cast<std::size_t>(turn)];
  }

  /// Meets the others, and compares what all have announced. Each rank sees the same, so that all
  /// throw or none: this alone may be thrown between enter and leave, for nobody goes on to read
  /// the buffers that it frees. Returns the turn of this meeting.
  int enter() {
    hub_->enter();
    const int turn = std::exchange(turn_, 1 - turn_);
    for (int peer = 0; peer < size(); ++peer)
      if (!same_collective(announced(peer, turn), announced(rank_, turn))) refuse(turn);
    return turn;
  }

  [[noreturn]] void refuse(int turn) const {
    std::vector<Fingerprint> calls;
    for (int peer = 0; peer < size(); ++peer) calls.push_back(announced(peer, turn));
    throw different_collectives(calls, rank_);
  }

  /// Shows the others this buffer. Returns what reduce() calls it.
  int enter_with(const void* buffer) {
    hub_->seat(rank_).read = buffer;
    enter();
    return in_place;
  }

  /// Shows the others a copy, and returns the slot that it is in.
  int enter_with_copy(const void* buffer, std::size_t bytes) {
    copy_bytes(hub_->seat(rank_).small[static_cast<std::size_t>(turn_)].data(), buffer, bytes);
    return enter();
  }

  const void* small(int rank, int slot) const {
    return hub_->seat(rank).small[static_cast<std::size_t>(slot)].data();
  }

  /// result = elements `part` of what all ranks show, reduced; sums along the tree, so that they
  /// are the same for any timing.
  template <class T>
  void reduce(Range part, T* result, int slot, Reduction reduction) const {
    const auto shown = [&](Index rank) {
      const int peer = static_cast<int>(rank);
      const void* numbers = slot == in_place ? hub_->seat(peer).read : small(peer, slot);
      return static_cast<const T*>(numbers) + part.begin;
    };
    if (reduction == Reduction::sum) return add_along_tree(size(), shown, part.size(), result);
    std::copy_n(shown(0), part.size(), result);
    for (int peer = 1; peer < size(); ++peer) {
      const T* const other = shown(peer);
      for (Index i = 0; i < part.size(); ++i) {
        result[i] = reduction == Reduction::min ? std::min(result[i], other[i])
                                                : std::max(result[i], other[i]);
      }
    }
  }

  /// Reduces elements `part`, which no other rank touches, and writes them into all buffers.
  template <class T>
  void reduce_for_all(Range part, Reduction reduction) {
    std::array<T, 2048> results;  // NOLINT: written before it is read
    const Index chunk = static_cast<Index>(results.size());
    for (Index begin = part.begin; begin < part.end; begin += chunk) {
      const Range piece = {begin, std::min(begin + chunk, part.end)};
      reduce(piece, results.data(), in_place, reduction);
      for (int peer = 0; peer < size(); ++peer)
        std::copy_n(results.data(), piece.size(),
                    static_cast<T*>(hub_->seat(peer).written) + begin);
    }
  }

  static constexpr int in_place = -1;  // not in a slot

  struct Started {
    Fingerprint call = {};
    bool is_scatter = false;
    const void* send = nullptr;
    void* buffer = nullptr;
    Index count = 0;
    std::size_t first_piece = 0;  // in pieces_of_started_
    Index unit = 1;
    DataType type = DataType::byte;
  };

  std::shared_ptr<Hub> hub_;
  int rank_;
  int turn_ = 0;  // which of a seat's two slots the next meeting uses
  std::vector<Started> started_;
  std::vector<Range> pieces_of_started_;
};

void run_rank(const std::shared_ptr<World>& world, const std::shared_ptr<Hub>& hub, int rank,
              const std::function<void(ProcessGroup&)>& work) {
  set_error_rank(rank);
  try {
    ProcessGroup group(std::make_unique<ThreadTransport>(hub, rank));
    work(group);
  } catch (const Abandoned&) {
  } catch (...) {
    world->fail(std::current_exception());
  }
}

}  // namespace

void spawn(int world_size, const std::function<void(ProcessGroup&)>& work) {
  if (world_size < 1) {
    throw Error("cannot run on this many ranks",
                {.wanted = "1 or more", .found = std::to_string(world_size)});
  }
  const auto world = std::make_shared<World>(world_size);
  const auto hub = Hub::make(world, world_size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    try {
      threads.emplace_back(run_rank, world, hub, rank, std::cref(work));
    } catch (...) {  // no more threads to be had: the ranks that run must end first
      world->fail(std::current_exception());
      break;
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (world->first_failure()) std::rethrow_exception(world->first_failure());
}

}  // namespace colonnade
