// Collectives of GPUs among themselves, by NCCL, on a stream beside that of the ops: events let it
// wait for what the ops have computed, and the ops for what it brings. The host waits for neither.
#include "cuda/device_collectives.hpp"

#ifdef COLONNADE_NCCL

#include <algorithm>
#include <list>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "cuda/block.hpp"
#include "cuda/event.hpp"
#include "cuda/nccl_communicator.hpp"
#include "cuda/tree_sum.hpp"
#include "number_type.hpp"

namespace colonnade {

namespace {

/// Up to this many bytes of all ranks together, to gather everything and add takes less time than
/// two rounds of messages.
constexpr Index short_message = 64 * 1024;

ncclDataType_t nccl_type(DataType type) {
  switch (type) {
    case DataType::byte:
      return ncclUint8;
    case DataType::int64:
      return ncclInt64;
    case DataType::float32:
      return ncclFloat32;
    case DataType::float64:
      return ncclFloat64;
  }
  return ncclUint8;
}

ncclRedOp_t nccl_op(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return ncclSum;
    case Reduction::min:
      return ncclMin;
    case Reduction::max:
      return ncclMax;
  }
  return ncclSum;
}

bool are_equal(std::span<const Range> pieces) {
  return std::all_of(pieces.begin(), pieces.end(),
                     [&](Range piece) { return piece.size() == pieces[0].size(); });
}

std::size_t count_of(Index elements) {
  return static_cast<std::size_t>(elements);
}

class NcclCollectives final : public DeviceCollectives {
 public:
  explicit NcclCollectives(Transport& inner)
      : rank_(inner.rank()),
        size_(inner.size()),
        cut_(static_cast<std::size_t>(size_)),
        tree_(gpu::tree_of(Sharding(size_, size_, "ranks").ranges())),
        communicator_(inner) {}

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    run([&](gpu::Block&) { gather(buffer, pieces, unit, type); });
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) override {
    check_number_type(type);
    run([&](gpu::Block& arrays) { scatter(send, receive, pieces, unit, type, order, arrays); });
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) override {
    check_number_type(type);
    run([&](gpu::Block& arrays) { reduce(buffer, count, type, reduction, order, arrays); });
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    run([&](gpu::Block&) { send_to_all(buffer, count, type, root); });
  }

  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override {
    start([&](gpu::Block&) { gather(buffer, pieces, unit, type); });
  }

  void start_all_reduce(void* buffer, Index count, DataType type) override {
    check_number_type(type);
    start([&](gpu::Block& arrays) {
      reduce(buffer, count, type, Reduction::sum, SumOrder::any, arrays);
    });
  }

  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    check_number_type(type);
    start([&](gpu::Block& arrays) {
      scatter(send, receive, pieces, unit, type, SumOrder::any, arrays);
    });
  }

  // What was started gets on by itself.
  void progress() override { communicator_.check_under_way(); }

  void finish_first() override {
    communicator_.check_under_way();
    Started& first = under_way_.front();
    first.ended.hold(gpu::stream());
    first.arrays = {};
    spare_.splice(spare_.end(), under_way_, under_way_.begin());
  }

 private:
  /// A collective between start and finish.
  struct Started {
    gpu::Event ended;
    gpu::Block arrays;
  };

  /// Queues `work` after all ops so far. What it takes memory for is in `arrays`, until an op may
  /// take it again.
  template <class Work>
  void queue(const Work& work, gpu::Block& arrays, gpu::Event& ended) {
    communicator_.check_under_way();
    ready_.record(gpu::stream());
    ready_.hold(beside_.get());
    work(arrays);
    ended.record(beside_.get());
  }

  /// The same, and before all ops that follow.
  template <class Work>
  void run(const Work& work) {
    gpu::Block arrays;
    queue(work, arrays, ended_);
    ended_.hold(gpu::stream());
  }

  template <class Work>
  void start(const Work& work) {
    if (spare_.empty()) spare_.emplace_back();
    queue(work, spare_.front().arrays, spare_.front().ended);
    under_way_.splice(under_way_.end(), spare_, spare_.begin());
  }

  /// The calls that `work` makes become one, in which no rank waits for the end of one of them.
  template <class Work>
  void as_one(const Work& work) {
    communicator_.check(ncclGroupStart(), "ncclGroupStart");
    work();
    communicator_.check(ncclGroupEnd(), "ncclGroupEnd");
  }

  void send_to_all(void* buffer, Index count, DataType type, int root) {
    communicator_.check(ncclBroadcast(buffer, buffer, count_of(count), nccl_type(type), root,
                                      communicator_.get(), beside_.get()),
                        "ncclBroadcast");
  }

  void gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) {
    const auto piece_at = [&](int rank) {
      return element_at(buffer, pieces[static_cast<std::size_t>(rank)].begin * unit, type);
    };
    if (are_equal(pieces)) {
      communicator_.check(ncclAllGather(piece_at(rank_), buffer, count_of(pieces[0].size() * unit),
                                        nccl_type(type), communicator_.get(), beside_.get()),
                          "ncclAllGather");
      return;
    }
    as_one([&] {
      for (int root = 0; root < size_; ++root) {
        const Index count = pieces[static_cast<std::size_t>(root)].size() * unit;
        if (count > 0) send_to_all(piece_at(root), count, type, root);
      }
    });
  }

  void scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
               DataType type, SumOrder order, gpu::Block& arrays) {
    const bool any_order = order == SumOrder::any || type == DataType::int64;
    if (!any_order || !are_equal(pieces))
      return exchange_and_add(send, receive, pieces, unit, type, arrays);
    communicator_.check(
        ncclReduceScatter(send, receive, count_of(pieces[0].size() * unit), nccl_type(type),
                          ncclSum, communicator_.get(), beside_.get()),
        "ncclReduceScatter");
  }

  // NCCL adds in what order it likes. So each rank gets its piece of every peer, and adds them.
  // `receive` may be this rank's piece of `send`.
  void exchange_and_add(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                        DataType type, gpu::Block& arrays) {
    const auto piece_of = [&](int rank) {
      const Range piece = pieces[static_cast<std::size_t>(rank)];
      return Range{piece.begin * unit, piece.end * unit};
    };
    const Range own = piece_of(rank_);
    arrays = make_block(size_ * own.size(), type);
    as_one([&] {
      for (int peer = 0; peer < size_; ++peer) {
        const Range piece = piece_of(peer);
        if (peer != rank_ && piece.size() > 0) {
          communicator_.check(ncclSend(element_at(send, piece.begin, type), count_of(piece.size()),
                                       nccl_type(type), peer, communicator_.get(), beside_.get()),
                              "ncclSend");
        }
        if (peer != rank_ && own.size() > 0) {
          communicator_.check(
              ncclRecv(element_at(arrays.get(), peer * own.size(), type), count_of(own.size()),
                       nccl_type(type), peer, communicator_.get(), beside_.get()),
              "ncclRecv");
        }
      }
    });
    if (own.size() == 0) return;
    gpu::check(
        cudaMemcpyAsync(element_at(arrays.get(), rank_ * own.size(), type),
                        element_at(send, own.begin, type), count_of(own.size()) * size_of(type),
                        cudaMemcpyDefault, beside_.get()),
        "cudaMemcpyAsync");
    gpu::add_arrays(tree_, arrays.get(), own.size(), type, receive, beside_.get());
  }

  void reduce(void* buffer, Index count, DataType type, Reduction reduction, SumOrder order,
              gpu::Block& arrays) {
    if (reduction == Reduction::sum && order == SumOrder::tree && type != DataType::int64)
      return reduce_along_tree(buffer, count, type, arrays);
    communicator_.check(ncclAllReduce(buffer, buffer, count_of(count), nccl_type(type),
                                      nccl_op(reduction), communicator_.get(), beside_.get()),
                        "ncclAllReduce");
  }

  // Short buffers: everybody gets everybody's and adds. Long ones: each adds its piece and the
  // pieces are gathered.
  void reduce_along_tree(void* buffer, Index count, DataType type, gpu::Block& arrays) {
    if (size_ * count * static_cast<Index>(size_of(type)) <= short_message) {
      arrays = make_block(size_ * count, type);
      communicator_.check(ncclAllGather(buffer, arrays.get(), count_of(count), nccl_type(type),
                                        communicator_.get(), beside_.get()),
                          "ncclAllGather");
      gpu::add_arrays(tree_, arrays.get(), count, type, buffer, beside_.get());
      return;
    }
    for (int each = 0; each < size_; ++each)
      cut_[static_cast<std::size_t>(each)] = shard_range(count, size_, each);
    const Index own = cut_[static_cast<std::size_t>(rank_)].begin;
    exchange_and_add(buffer, element_at(buffer, own, type), cut_, 1, type, arrays);
    gather(buffer, cut_, 1, type);
  }

  gpu::Block make_block(Index count, DataType type) {
    return {memory_, count * static_cast<Index>(size_of(type))};
  }

  int rank_;
  int size_;
  std::vector<Range> cut_;  // of an all-reduce
  gpu::Tree tree_;          // of the ranks
  gpu::SideStream beside_;
  gpu::Event ready_;  // the ops before a collective
  gpu::Event ended_;  // one that the ops wait for at once
  // Of collectives alone, which follow one another, those too that were recorded and are done
  // again.
  RecyclingMemory memory_{device_memory()};
  std::list<Started> under_way_;  // in this order
  std::list<Started> spare_;      // ended ones, whose memory serves again
  NcclCommunicator communicator_;
};

}  // namespace

std::unique_ptr<DeviceCollectives> make_nccl_collectives(Transport& inner) {
  return std::make_unique<NcclCollectives>(inner);
}

}  // namespace colonnade

#endif
