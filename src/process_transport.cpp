// The transport of processes on one node. src/node_transport.cpp is its collectives; here is how
// the memory comes to be that they stand on, and what is left to MPI: splitting, and files.
#include <new>
#include <utility>

#include "mpi_file.hpp"
#include "mpi_transport.hpp"
#include "node_transport.hpp"
#include "shared_block.hpp"

namespace colonnade {

namespace {

class ProcessTransport final : public NodeTransport {
 public:
  ProcessTransport(MPI_Comm communicator, Board board, int rank, int size,
                   const NodeSharing& sharing)
      : NodeTransport(std::move(board), rank, size, sharing.crowded),
        communicator_(communicator),
        sharing_(sharing) {}
  ~ProcessTransport() override { MPI_Comm_free(&communicator_); }

  std::string_view name() const override { return "shared"; }

  std::unique_ptr<Transport> split(int color, int key) override {
    enter();
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(communicator_, color, key, &part), "MPI_Comm_split");
    return make_transport(part, sharing_);
  }

  std::unique_ptr<Transport> split_by_node() override { return split(0, rank()); }

  std::unique_ptr<SharedFile> open_shared(const std::string& path) override {
    enter();
    return open_mpi_file(communicator_, path);
  }

 private:
  bool sees_all() const override { return false; }

  SharedBlock share_block(std::size_t bytes) override {
    const OfferedBlock offered(rank() == 0 ? bytes : 0);
    const std::optional<SharedBlock> block = attach(exchange(offered.handle())[0]);
    for (const char reached : exchange<char>(block ? 1 : 0))
      if (reached == 0) throw std::bad_alloc();
    return *block;
  }

  MPI_Comm communicator_;
  NodeSharing sharing_;
};

bool is_on_one_node(MPI_Comm communicator, int rank, int size) {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  int ranks = 0;
  MPI_Comm_size(node, &ranks);
  MPI_Comm_free(&node);
  int smallest = 0;
  check_mpi(MPI_Allreduce(&ranks, &smallest, 1, MPI_INT, MPI_MIN, communicator), "MPI_Allreduce");
  return smallest == size;
}

/// The first rank's, on all ranks; none on all if one of them can't reach it.
std::optional<Board> share_board(MPI_Comm communicator, int rank, int size) {
  const OfferedBlock offered(rank == 0 ? Board::bytes(size) : 0);
  BlockHandle handle = offered.handle();
  check_mpi(MPI_Bcast(&handle, sizeof handle, MPI_BYTE, 0, communicator), "MPI_Bcast");
  const std::optional<SharedBlock> memory = attach(handle);
  if (rank == 0 && memory) Board::make(memory->data.get(), size);
  int reached = memory ? 1 : 0;
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &reached, 1, MPI_INT, MPI_MIN, communicator),
            "MPI_Allreduce");
  if (reached == 0) return std::nullopt;
  return Board(*memory);
}

}  // namespace

std::unique_ptr<Transport> make_process_transport(MPI_Comm communicator,
                                                  const NodeSharing& sharing) {
  int rank = 0, size = 0;
  check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  if (!is_on_one_node(communicator, rank, size)) return nullptr;
  std::optional<Board> board = share_board(communicator, rank, size);
  if (!board) return nullptr;
  check_mpi(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return std::make_unique<ProcessTransport>(communicator, std::move(*board), rank, size, sharing);
}

std::unique_ptr<Transport> make_transport(MPI_Comm communicator, const NodeSharing& sharing) {
  int size = 0;
  check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  if (size == 1) {  // nobody to talk to, with MPI or without
    MPI_Comm_free(&communicator);
    return make_self_transport();
  }
  if (sharing.allowed)
    if (auto transport = make_process_transport(communicator, sharing)) return transport;
  return make_mpi_transport(communicator, sharing);
}

}  // namespace colonnade
