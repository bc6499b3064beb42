#include "process_node.hpp"

#include <new>
#include <optional>
#include <utility>

#include "shared_block.hpp"

namespace colonnade {

namespace {

/// MPI sends what it has taken on only while a rank is inside it, so one that waits for a long time
/// looks in: else ranks of another node might wait for the rest of a message, and it for them.
void let_mpi_get_on() {
  int any = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &any, MPI_STATUS_IGNORE);
}

class ProcessNode final : public Node {
 public:
  ProcessNode(Board board, int rank, int size, bool crowded)
      : Node(std::move(board), rank, size, {.crowded = crowded, .meanwhile = let_mpi_get_on}) {}

 private:
  bool sees_all() const override { return false; }

  SharedBlock share_block(std::size_t bytes) override {
    const OfferedBlock offered(rank() == 0 ? bytes : 0);
    const std::optional<SharedBlock> block = attach(exchange(offered.handle())[0]);
    for (const char reached : exchange<char>(block ? 1 : 0))
      if (reached == 0) throw std::bad_alloc();
    return *block;
  }
};

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

std::unique_ptr<Node> make_process_node(MPI_Comm communicator, const NodeSharing& sharing) {
  int rank = 0, size = 0;
  check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  std::optional<Board> board = share_board(communicator, rank, size);
  if (!board) return nullptr;
  return std::make_unique<ProcessNode>(std::move(*board), rank, size, sharing.crowded);
}

}  // namespace colonnade
