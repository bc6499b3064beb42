// The MPI transport. The codes that MPI returns are checked, but for those of cleaning up, which
// works only because the communicator's error handler is MPI_ERRORS_RETURN: by default no code ever
// arrives.
#include "mpi_transport.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "add_along_tree.hpp"
#include "mpi_file.hpp"
#include "mpi_transfers.hpp"

namespace colonnade {

void check_mpi(int code, const char* call, SourceLine where) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  std::string message(text, static_cast<std::size_t>(length));
  for (char& c : message)
    if (c == '\n') c = ' ';
  throw Error(std::string(call) + " failed", {.found = message}, where);
}

MPI_Datatype mpi_type(DataType type) {
  switch (type) {
    case DataType::byte:
      return MPI_BYTE;
    case DataType::int64:
      return MPI_INT64_T;
    case DataType::float32:
      return MPI_FLOAT;
    case DataType::float64:
      return MPI_DOUBLE;
  }
  return MPI_DATATYPE_NULL;
}

int mpi_count(Index count) {
  if (count > std::numeric_limits<int>::max()) {
    throw Error("a message is too long for MPI", {.wanted = "at most 2^31-1 elements",
                                                  .found = std::to_string(count),
                                                  .hint = "use a smaller batch or more ranks"});
  }
  return static_cast<int>(count);
}

namespace {

MPI_Op mpi_op(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return MPI_SUM;
    case Reduction::min:
      return MPI_MIN;
    case Reduction::max:
      return MPI_MAX;
  }
  return MPI_OP_NULL;
}

/// Up to this many bytes of all ranks together, to gather everything and add is faster than MPI's
/// all-reduce.
constexpr Index short_message = 2 * 1024;

/// From this many bytes on a reduce-scatter is limited by bandwidth, not by the number of messages.
constexpr Index long_message = 64 * 1024;

/// What a rank receives of each peer at once in a long reduce-scatter: so much that messages are
/// few, and so little that the blocks of all peers are still in the cache when they are added.
Index block_bytes(int ranks) {
  const Index share = Index{1024} * 1024 / std::max(1, ranks - 1);
  return std::clamp(share / 64 * 64, Index{16} * 1024, Index{256} * 1024);
}

/// Owns its communicator. Not movable: a ProcessGroup moves the pointer to it.
class MpiTransport final : public Transport {
 public:
  MpiTransport(MPI_Comm communicator, const NodeSharing& sharing)
      : communicator_(communicator),
        sharing_(sharing),
        rank_(rank_in(communicator)),
        size_(size_of_group(communicator)),
        transfers_(communicator, rank_, size_) {
    check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    counts_.resize(static_cast<std::size_t>(size_));
    offsets_.resize(static_cast<std::size_t>(size_));
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;
  ~MpiTransport() override { MPI_Comm_free(&communicator_); }

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  // MPI has no check of its own: ranks in different collectives hang or take one another's bytes.
  // So all meet here first, whatever they are about to call.
  void announce(const Fingerprint& next) override {
    if (announced_.empty()) return;
    constexpr int bytes = sizeof(Fingerprint);
    check_mpi(
        MPI_Allgather(&next, bytes, MPI_BYTE, announced_.data(), bytes, MPI_BYTE, communicator_),
        "MPI_Allgather");
    for (const Fingerprint& other : announced_)
      if (!same_collective(other, next)) throw different_collectives(announced_, rank_);
  }

  void compare_announcements() override { announced_.resize(static_cast<std::size_t>(size_)); }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    set_counts(pieces, unit);
    check_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buffer, counts_.data(),
                             offsets_.data(), mpi_type(type), communicator_),
              "MPI_Allgatherv");
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) override {
    set_counts(pieces, unit);
    const Index bytes = pieces.back().end * unit * static_cast<Index>(size_of(type));
    const bool exchange = bytes >= long_message || order == SumOrder::tree;
    if (exchange && type == DataType::float32) {
      exchange_and_add(static_cast<const float*>(send), static_cast<float*>(receive), type);
    } else if (exchange && type == DataType::float64) {
      exchange_and_add(static_cast<const double*>(send), static_cast<double*>(receive), type);
    } else {
      check_mpi(
          MPI_Reduce_scatter(send, receive, counts_.data(), mpi_type(type), MPI_SUM, communicator_),
          "MPI_Reduce_scatter");
    }
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) override {
    const Index all_bytes = size_ * count * static_cast<Index>(size_of(type));
    const bool tree = order == SumOrder::tree || all_bytes <= short_message;
    if (reduction == Reduction::sum && tree && type == DataType::float32)
      return all_reduce_along_tree(static_cast<float*>(buffer), count, type);
    if (reduction == Reduction::sum && tree && type == DataType::float64)
      return all_reduce_along_tree(static_cast<double*>(buffer), count, type);
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, buffer, mpi_count(count), mpi_type(type),
                            mpi_op(reduction), communicator_),
              "MPI_Allreduce");
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    check_mpi(MPI_Bcast(buffer, mpi_count(count), mpi_type(type), root, communicator_),
              "MPI_Bcast");
  }

  void barrier() override { check_mpi(MPI_Barrier(communicator_), "MPI_Barrier"); }

  bool overlaps() const override { return true; }
  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override {
    transfers_.start_all_gather(buffer, pieces, unit, type);
  }
  void start_all_reduce(void* buffer, Index count, DataType type) override {
    transfers_.start_all_reduce(buffer, count, type);
  }
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    transfers_.start_reduce_scatter(send, receive, pieces, unit, type);
  }
  void progress() override { transfers_.progress(); }
  void finish_first() override { transfers_.finish_first(); }

  std::unique_ptr<Transport> split(int color, int key) override {
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(communicator_, color, key, &part), "MPI_Comm_split");
    auto transport = make_transport(part, sharing_);
    if (!announced_.empty()) transport->compare_announcements();
    return transport;
  }

  std::unique_ptr<Transport> split_by_node() override { return split(sharing_.node, rank_); }

  std::unique_ptr<SharedFile> open_shared(const std::string& path) override {
    return open_mpi_file(communicator_, path);
  }

 private:
  // Each rank gets its piece of every peer, a block at a time, and adds the blocks along the tree.
  // MPICH's own algorithms pass sums on and hold two more copies of the whole buffer; here it is a
  // block of each peer, which is still in the cache when it is added. `receive` may be this rank's
  // piece of `send`.
  template <class T>
  void exchange_and_add(const T* send, T* receive, DataType type) {
    const auto count_of = [&](int rank) { return Index{counts_[static_cast<std::size_t>(rank)]}; };
    const auto piece_of = [&](int rank) { return send + offsets_[static_cast<std::size_t>(rank)]; };
    const Index block = block_bytes(size_) / static_cast<Index>(sizeof(T));
    blocks_.resize(static_cast<std::size_t>(block * (size_ - 1)) * sizeof(T));
    T* const received = reinterpret_cast<T*>(blocks_.data());
    const Index longest = *std::max_element(counts_.begin(), counts_.end());
    for (Index begin = 0; begin < longest; begin += block) {
      const auto length_of = [&](int rank) {
        return std::clamp(count_of(rank) - begin, Index{0}, block);
      };
      for (int distance = 1; distance < size_; ++distance) {
        const int to = (rank_ + distance) % size_;
        const int from = (rank_ - distance + size_) % size_;
        const Index sending = length_of(to), receiving = length_of(rank_);
        if (sending == 0 && receiving == 0) continue;
        // Pieces differ in length. A side with nothing left takes no part: nobody waits for an
        // empty message of it.
        check_mpi(
            MPI_Sendrecv(sending > 0 ? piece_of(to) + begin : nullptr, static_cast<int>(sending),
                         mpi_type(type), sending > 0 ? to : MPI_PROC_NULL, 0,
                         received + (distance - 1) * block, static_cast<int>(receiving),
                         mpi_type(type), receiving > 0 ? from : MPI_PROC_NULL, 0, communicator_,
                         MPI_STATUS_IGNORE),
            "MPI_Sendrecv");
      }
      const auto block_from = [&](Index peer) -> const T* {
        const Index distance = (rank_ - peer + size_) % size_;
        return distance == 0 ? piece_of(rank_) + begin : received + (distance - 1) * block;
      };
      if (length_of(rank_) > 0)
        add_along_tree(size_, block_from, length_of(rank_), receive + begin);
    }
  }

  // Short buffers: everybody gets everybody's and adds. Long ones: each adds its piece and the
  // pieces are gathered.
  template <class T>
  void all_reduce_along_tree(T* buffer, Index count, DataType type) {
    if (size_ * count * static_cast<Index>(sizeof(T)) < long_message) {
      blocks_.resize(static_cast<std::size_t>(size_ * count) * sizeof(T));
      T* const all = reinterpret_cast<T*>(blocks_.data());
      check_mpi(MPI_Allgather(buffer, mpi_count(count), mpi_type(type), all, mpi_count(count),
                              mpi_type(type), communicator_),
                "MPI_Allgather");
      add_along_tree(
          size_, [=](Index peer) { return all + peer * count; }, count, buffer);
      return;
    }
    mpi_count(count);
    for (int peer = 0; peer < size_; ++peer) {
      const Range piece = shard_range(count, size_, peer);
      counts_[static_cast<std::size_t>(peer)] = static_cast<int>(piece.size());
      offsets_[static_cast<std::size_t>(peer)] = static_cast<int>(piece.begin);
    }
    exchange_and_add(buffer, buffer + offsets_[static_cast<std::size_t>(rank_)], type);
    check_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buffer, counts_.data(),
                             offsets_.data(), mpi_type(type), communicator_),
              "MPI_Allgatherv");
  }

  // Kept between calls, so that a collective allocates nothing.
  void set_counts(std::span<const Range> pieces, Index unit) {
    mpi_count(pieces.back().end * unit);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      counts_[i] = static_cast<int>(pieces[i].size() * unit);
      offsets_[i] = static_cast<int>(pieces[i].begin * unit);
    }
  }

  static int rank_in(MPI_Comm communicator) {
    int rank = 0;
    check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
    return rank;
  }
  static int size_of_group(MPI_Comm communicator) {
    int size = 0;
    check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
    return size;
  }

  MPI_Comm communicator_;
  NodeSharing sharing_;
  int rank_;
  int size_;
  std::vector<Fingerprint> announced_;  // by all ranks; empty if announcements aren't compared
  std::vector<int> counts_;
  std::vector<int> offsets_;
  std::vector<std::byte> blocks_;
  MpiTransfers transfers_;
};

}  // namespace

std::unique_ptr<Transport> make_mpi_transport(MPI_Comm communicator, const NodeSharing& sharing) {
  return std::make_unique<MpiTransport>(communicator, sharing);
}

}  // namespace colonnade
