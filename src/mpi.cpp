// The MPI transport. The codes that MPI returns are checked, but for those of cleaning up, which
// works only because the communicator's error handler is MPI_ERRORS_RETURN: by default no code ever
// arrives.
#include "colonnade/mpi.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace colonnade {

namespace {

void check_mpi(int code, const char* call, SourceLine where = SourceLine::here()) {
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

int mpi_count(Index count) {
  if (count > std::numeric_limits<int>::max()) {
    throw Error("a message is too long for MPI", {.wanted = "at most 2^31-1 elements",
                                                  .found = std::to_string(count),
                                                  .hint = "use a smaller batch or more ranks"});
  }
  return static_cast<int>(count);
}

/// From this many bytes on a reduce-scatter is limited by bandwidth, not by the number of messages.
constexpr Index long_message = 64 * 1024;

/// What a rank receives at once in a long reduce-scatter.
constexpr Index block_bytes = 256 * 1024;

/// Owns its communicator. Not movable: a ProcessGroup moves the pointer to it.
class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(MPI_Comm communicator) : communicator_(communicator) {
    check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(communicator_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(communicator_, &size_), "MPI_Comm_size");
    counts_.resize(static_cast<std::size_t>(size_));
    offsets_.resize(static_cast<std::size_t>(size_));
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;
  ~MpiTransport() override { MPI_Comm_free(&communicator_); }

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    set_counts(pieces, unit);
    check_mpi(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buffer, counts_.data(),
                             offsets_.data(), mpi_type(type), communicator_),
              "MPI_Allgatherv");
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type) override {
    set_counts(pieces, unit);
    const Index bytes = pieces.back().end * unit * static_cast<Index>(size_of(type));
    if (bytes >= long_message && type == DataType::float32) {
      exchange_and_add(static_cast<const float*>(send), static_cast<float*>(receive), type);
    } else if (bytes >= long_message && type == DataType::float64) {
      exchange_and_add(static_cast<const double*>(send), static_cast<double*>(receive), type);
    } else {
      check_mpi(
          MPI_Reduce_scatter(send, receive, counts_.data(), mpi_type(type), MPI_SUM, communicator_),
          "MPI_Reduce_scatter");
    }
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction) override {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, buffer, mpi_count(count), mpi_type(type),
                            mpi_op(reduction), communicator_),
              "MPI_Allreduce");
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    check_mpi(MPI_Bcast(buffer, mpi_count(count), mpi_type(type), root, communicator_),
              "MPI_Bcast");
  }

  void barrier() override { check_mpi(MPI_Barrier(communicator_), "MPI_Barrier"); }

  std::unique_ptr<Transport> split_by_node() override {
    MPI_Comm node = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(communicator_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    return std::make_unique<MpiTransport>(node);
  }

 private:
  // Each rank gets its piece of every peer, one peer after the other, and adds. MPICH's own
  // algorithms pass sums on and hold two more copies of the whole buffer; here it is one block,
  // which is still in the cache when it is added.
  template <class T>
  void exchange_and_add(const T* send, T* receive, DataType type) {
    const Index own_count = counts_[static_cast<std::size_t>(rank_)];
    std::copy_n(send + offsets_[static_cast<std::size_t>(rank_)], own_count, receive);
    block_.resize(block_bytes);
    const Index block = block_bytes / static_cast<Index>(sizeof(T));
    T* received = reinterpret_cast<T*>(block_.data());
    for (int distance = 1; distance < size_; ++distance) {
      const int to = (rank_ + distance) % size_;
      const int from = (rank_ - distance + size_) % size_;
      const T* piece = send + offsets_[static_cast<std::size_t>(to)];
      const Index send_count = counts_[static_cast<std::size_t>(to)];
      for (Index begin = 0; begin < std::max(send_count, own_count); begin += block) {
        const Index sending = std::clamp(send_count - begin, Index{0}, block);
        const Index receiving = std::clamp(own_count - begin, Index{0}, block);
        // Pieces differ in length. A side with nothing left takes no part: nobody waits for an
        // empty message of it.
        check_mpi(
            MPI_Sendrecv(piece + std::min(begin, send_count), static_cast<int>(sending),
                         mpi_type(type), sending > 0 ? to : MPI_PROC_NULL, 0, received,
                         static_cast<int>(receiving), mpi_type(type),
                         receiving > 0 ? from : MPI_PROC_NULL, 0, communicator_, MPI_STATUS_IGNORE),
            "MPI_Sendrecv");
        for (Index i = 0; i < receiving; ++i) receive[begin + i] += received[i];
      }
    }
  }

  // Kept between calls, so that a collective allocates nothing.
  void set_counts(std::span<const Range> pieces, Index unit) {
    mpi_count(pieces.back().end * unit);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      counts_[i] = static_cast<int>(pieces[i].size() * unit);
      offsets_[i] = static_cast<int>(pieces[i].begin * unit);
    }
  }

  MPI_Comm communicator_;
  int rank_ = 0;
  int size_ = 1;
  std::vector<int> counts_;
  std::vector<int> offsets_;
  std::vector<std::byte> block_;
};

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  set_error_rank(rank);
}

MpiSession::~MpiSession() {
  MPI_Finalize();
}

ProcessGroup MpiSession::world() {
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &copy), "MPI_Comm_dup");
  return ProcessGroup(std::make_unique<MpiTransport>(copy));
}

void MpiSession::abort(int exit_code) {
  // MPI ends this process before mpiexec may have read what it said last.
  std::fflush(nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::abort();
}

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string all(text, static_cast<std::size_t>(length));
  std::string first_line = all.substr(0, all.find('\n'));
  for (char& c : first_line)
    if (c == '\t') c = ' ';
  return first_line;
}

}  // namespace colonnade
