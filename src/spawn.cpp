// Ranks that are threads: how they are woken when one of them fails, and how groups of them split.
// They see all of each other's memory; src/node_transport.cpp is their collectives.
#include "colonnade/spawn.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node_transport.hpp"

namespace colonnade {

namespace {

/// Of this process alone, zeroed; not in memory before it is touched.
SharedBlock block_of_process(std::size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {{static_cast<std::byte*>(memory), [=](std::byte* begin) { munmap(begin, bytes); }},
          bytes};
}

/// What all ranks of a spawned world share.
class World {
 public:
  explicit World(int size) : crowded_(is_crowded(size)) {}

  bool crowded() const { return crowded_; }

  /// The memory of a board whose meeting ends when a rank fails.
  SharedBlock make_board(int ranks);

  /// Keeps the failure, if it is the first, and wakes all who wait.
  void fail(std::exception_ptr failure);
  const std::exception_ptr& first_failure() const { return first_failure_; }

 private:
  bool crowded_;
  std::mutex mutex_;
  std::exception_ptr first_failure_;
  std::vector<std::weak_ptr<std::byte>> boards_;
};

SharedBlock World::make_board(int ranks) {
  SharedBlock memory = block_of_process(Board::bytes(ranks));
  Board::make(memory.data.get(), ranks);
  const std::lock_guard lock(mutex_);
  std::erase_if(boards_, [](const auto& other) { return other.expired(); });
  boards_.push_back(memory.data);
  if (first_failure_) Board(memory).meeting().give_up();
  return memory;
}

void World::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!first_failure_) first_failure_ = std::move(failure);
  for (const auto& board : boards_)
    if (const auto alive = board.lock()) Board({alive, 0}).meeting().give_up();
}

/// Gives all ranks that name the same maker the block that it makes. All throw if it can't.
template <class Make>
SharedBlock lend(Node& node, int maker, const Make& make) {
  SharedBlock own;
  if (node.rank() == maker) {
    try {
      own = make();
    } catch (const std::bad_alloc&) {  // thrown below, when nobody reads this rank's block
    }
  }
  const std::vector<const SharedBlock*> all = node.exchange<const SharedBlock*>(&own);
  SharedBlock lent = *all[static_cast<std::size_t>(maker)];
  node.leave();
  if (!lent.data) throw std::bad_alloc();
  return lent;
}

class ThreadNode final : public Node {
 public:
  ThreadNode(Board board, int rank, int size, bool crowded)
      : Node(std::move(board), rank, size, {.crowded = crowded}) {}

 private:
  bool sees_all() const override { return true; }
  SharedBlock share_block(std::size_t bytes) override {
    return lend(*this, 0, [&] { return block_of_process(bytes); });
  }
};

class ThreadTransport final : public NodeTransport {
 public:
  ThreadTransport(std::shared_ptr<World> world, Board board, int rank, int size)
      : NodeTransport(std::make_unique<ThreadNode>(std::move(board), rank, size, world->crowded())),
        world_(std::move(world)) {}

  std::string_view name() const override { return "threads"; }

  std::unique_ptr<Transport> split(int color, int key) override {
    struct Choice {
      int color;
      int key;
    };
    node().enter();
    const std::vector<Choice> choices = node().exchange(Choice{color, key});
    std::vector<int> members;
    for (int rank = 0; rank < size(); ++rank)
      if (choices[static_cast<std::size_t>(rank)].color == color) members.push_back(rank);
    std::stable_sort(members.begin(), members.end(), [&](int a, int b) {
      return choices[static_cast<std::size_t>(a)].key < choices[static_cast<std::size_t>(b)].key;
    });
    const int ranks = static_cast<int>(members.size());
    const SharedBlock board =
        lend(node(), members.front(), [&] { return world_->make_board(ranks); });
    const auto place = std::find(members.begin(), members.end(), rank()) - members.begin();
    return std::make_unique<ThreadTransport>(world_, Board(board), static_cast<int>(place), ranks);
  }

  std::unique_ptr<Transport> split_by_node() override { return split(0, rank()); }

 private:
  std::shared_ptr<World> world_;
};

void run_rank(const std::shared_ptr<World>& world, const Board& board, int rank, int size,
              const std::function<void(ProcessGroup&)>& work) {
  set_error_rank(rank);
  try {
    ProcessGroup group(std::make_unique<ThreadTransport>(world, board, rank, size));
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
  const Board board(world->make_board(world_size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    try {
      threads.emplace_back(run_rank, world, board, rank, world_size, std::cref(work));
    } catch (...) {  // no more threads to be had: the ranks that run must end first
      world->fail(std::current_exception());
      break;
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (world->first_failure()) std::rethrow_exception(world->first_failure());
}

}  // namespace colonnade
