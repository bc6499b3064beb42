// The transport of ranks that are threads. They see each other's memory: a collective is a meeting
// at which each posts where its buffer is, reads from the others' what it needs, and a second
// meeting after which the buffers are their owners' again.
#include "colonnade/spawn.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "add_along_tree.hpp"

namespace colonnade {

namespace {

/// Thrown in ranks that wait for one that failed; spawn() reports the failure itself.
struct Abandoned {};

class Hub;

/// What all ranks of a spawned world share: how the first of them failed, and whom to wake then.
struct World {
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::exception_ptr first_failure;
  std::vector<std::weak_ptr<Hub>> hubs;

  void fail(std::exception_ptr failure);
};

/// Where the ranks of one group meet.
class Hub {
 public:
  Hub(std::shared_ptr<World> world, int size)
      : world_(std::move(world)), posted_(static_cast<std::size_t>(size)) {}

  static std::shared_ptr<Hub> make(const std::shared_ptr<World>& world, int size) {
    auto hub = std::make_shared<Hub>(world, size);
    const std::lock_guard lock(world->mutex);
    world->hubs.push_back(hub);
    return hub;
  }

  int size() const { return static_cast<int>(posted_.size()); }
  const std::shared_ptr<World>& world() const { return world_; }

  /// What a rank shows the others between two meetings.
  void post(int rank, const void* address) { posted_[static_cast<std::size_t>(rank)] = address; }
  const void* posted(int rank) const { return posted_[static_cast<std::size_t>(rank)]; }

  /// Returns once all ranks have called it; what they wrote before is then seen by all.
  void meet() {
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (world_->failed.load(std::memory_order_acquire)) throw Abandoned{};
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == posted_.size()) {
      arrived_.store(0, std::memory_order_relaxed);
      begin_next_round();
    } else {
      wait_for_end_of(round);
    }
    if (world_->failed.load(std::memory_order_acquire)) throw Abandoned{};
  }

  /// Ends the wait of all who wait.
  void begin_next_round() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }

 private:
  // A peer that runs arrives within microseconds, and to sleep and be woken costs tens of them. A
  // peer that doesn't run may need this core.
  void wait_for_end_of(std::uint32_t round) const {
    for (int spins = 0; spins < 2000; ++spins) {
      if (round_.load(std::memory_order_acquire) != round) return;
#ifdef __x86_64__
      __builtin_ia32_pause();
#endif
    }
    round_.wait(round, std::memory_order_acquire);
  }

  std::shared_ptr<World> world_;
  std::vector<const void*> posted_;
  std::atomic<std::uint32_t> arrived_ = 0;
  std::atomic<std::uint32_t> round_ = 0;
};

void World::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex);
  if (!first_failure) first_failure = std::move(failure);
  failed.store(true, std::memory_order_release);
  for (const auto& hub : hubs)
    if (const auto alive = hub.lock()) alive->begin_next_round();
}

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
      break;
  }
  throw Error("bytes cannot be reduced", {.wanted = "float32, float64 or int64"});
}

template <class T>
T reduced(T a, T b, Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return a + b;
    case Reduction::min:
      return std::min(a, b);
    case Reduction::max:
      return std::max(a, b);
  }
  return a;
}

/// memcpy may not be given the null pointer of something empty.
void copy_bytes(void* to, const void* from, std::size_t count) {
  if (count > 0) std::memcpy(to, from, count);
}

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Hub> hub, int rank) : hub_(std::move(hub)), rank_(rank) {}

  std::string_view name() const override { return "threads"; }
  int rank() const override { return rank_; }
  int size() const override { return hub_->size(); }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    hub_->post(rank_, buffer);
    hub_->meet();
    for (int peer = 0; peer < size(); ++peer) {
      if (peer == rank_) continue;
      const Range piece = pieces[static_cast<std::size_t>(peer)];
      const Index scale = unit * static_cast<Index>(size_of(type));
      const auto offset = static_cast<std::size_t>(piece.begin * scale);
      copy_bytes(static_cast<char*>(buffer) + offset,
                 static_cast<const char*>(hub_->posted(peer)) + offset,
                 static_cast<std::size_t>(piece.size() * scale));
    }
    hub_->meet();
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder /*order*/) override {
    hub_->post(rank_, send);
    hub_->meet();
    const Range piece = pieces[static_cast<std::size_t>(rank_)];
    const Range own = {piece.begin * unit, piece.end * unit};
    with_number_type(
        type, [&]<class T>(T) { reduce_posted(own, static_cast<T*>(receive), Reduction::sum); });
    hub_->meet();
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder /*order*/) override {
    const Range own = shard_range(count, size(), rank_);
    scratch_.resize(static_cast<std::size_t>(own.size()) * size_of(type));
    hub_->post(rank_, buffer);
    hub_->meet();
    with_number_type(type, [&]<class T>(T) {
      reduce_posted(own, reinterpret_cast<T*>(scratch_.data()), reduction);
    });
    hub_->meet();
    // Each rank has a part of the result; now that nobody reads the buffers any more, they take it.
    hub_->post(rank_, scratch_.data());
    hub_->meet();
    for (int peer = 0; peer < size(); ++peer) {
      const Range part = shard_range(count, size(), peer);
      copy_bytes(static_cast<char*>(buffer) + static_cast<std::size_t>(part.begin) * size_of(type),
                 hub_->posted(peer), static_cast<std::size_t>(part.size()) * size_of(type));
    }
    hub_->meet();
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    hub_->post(rank_, buffer);
    hub_->meet();
    if (rank_ != root) {
      copy_bytes(buffer, hub_->posted(root), static_cast<std::size_t>(count) * size_of(type));
    }
    hub_->meet();
  }

  void barrier() override { hub_->meet(); }

  // In shared memory nothing is under way by itself: a sum takes a rank's own work, now or later.
  // So it is all done in finish(), in the order started.

  void start_all_reduce(void* buffer, Index count, DataType type) override {
    started_.push_back({.buffer = buffer, .count = count, .type = type});
  }

  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    started_.push_back({.send = send,
                        .buffer = receive,
                        .first_piece = pieces_of_started_.size(),
                        .unit = unit,
                        .type = type});
    pieces_of_started_.insert(pieces_of_started_.end(), pieces.begin(), pieces.end());
  }

  void progress() override {}

  void finish() override {
    for (const Started& sum : started_) {
      if (sum.send == nullptr) {
        all_reduce(sum.buffer, sum.count, sum.type, Reduction::sum, SumOrder::any);
      } else {
        const std::span<const Range> pieces{pieces_of_started_.data() + sum.first_piece,
                                            static_cast<std::size_t>(size())};
        reduce_scatter(sum.send, sum.buffer, pieces, sum.unit, sum.type, SumOrder::any);
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
    hub_->post(rank_, &own);
    hub_->meet();
    const auto choice = [&](int rank) -> const Choice& {
      return *static_cast<const Choice*>(hub_->posted(rank));
    };
    std::vector<int> members;
    for (int rank = 0; rank < size(); ++rank)
      if (choice(rank).color == color) members.push_back(rank);
    std::stable_sort(members.begin(), members.end(),
                     [&](int a, int b) { return choice(a).key < choice(b).key; });
    if (members.front() == rank_)
      own.hub = Hub::make(hub_->world(), static_cast<int>(members.size()));
    hub_->meet();
    std::shared_ptr<Hub> hub = choice(members.front()).hub;
    hub_->meet();
    const auto place = std::find(members.begin(), members.end(), rank_) - members.begin();
    return std::make_unique<ThreadTransport>(std::move(hub), static_cast<int>(place));
  }

  std::unique_ptr<Transport> split_by_node() override { return split(0, rank_); }

 private:
  /// result = the ranks' posted elements `own`, sums along the tree, so that they are the same for
  /// any timing.
  template <class T>
  void reduce_posted(Range own, T* result, Reduction reduction) {
    if (reduction == Reduction::sum) {
      const auto array = [&](Index peer) {
        return static_cast<const T*>(hub_->posted(static_cast<int>(peer))) + own.begin;
      };
      return add_along_tree(size(), array, own.size(), result);
    }
    std::copy_n(static_cast<const T*>(hub_->posted(0)) + own.begin, own.size(), result);
    for (int peer = 1; peer < size(); ++peer) {
      const T* other = static_cast<const T*>(hub_->posted(peer)) + own.begin;
      for (Index i = 0; i < own.size(); ++i) result[i] = reduced(result[i], other[i], reduction);
    }
  }

  struct Started {
    const void* send = nullptr;  // null in an all-reduce
    void* buffer = nullptr;
    Index count = 0;
    std::size_t first_piece = 0;  // in pieces_of_started_
    Index unit = 1;
    DataType type = DataType::byte;
  };

  std::shared_ptr<Hub> hub_;
  int rank_;
  std::vector<std::byte> scratch_;
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
  const auto world = std::make_shared<World>();
  const auto hub = Hub::make(world, world_size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back(run_rank, world, hub, rank, std::cref(work));
  }
  for (std::thread& thread : threads) thread.join();
  if (world->first_failure) std::rethrow_exception(world->first_failure);
}

}  // namespace colonnade
