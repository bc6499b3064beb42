// The transport of processes on one node. src/node_transport.cpp is its collectives; what is left
// to MPI is splitting, and files.
#include <utility>

#include "mpi_file.hpp"
#include "mpi_transport.hpp"
#include "node_map.hpp"
#include "node_transport.hpp"
#include "process_node.hpp"

namespace colonnade {

namespace {

class ProcessTransport final : public NodeTransport {
 public:
  ProcessTransport(MPI_Comm communicator, std::unique_ptr<Node> node, const NodeSharing& sharing)
      : NodeTransport(std::move(node)), communicator_(communicator), sharing_(sharing) {}
  ~ProcessTransport() override { MPI_Comm_free(&communicator_); }

  std::string_view name() const override { return "shared"; }

  std::unique_ptr<Transport> split(int color, int key) override {
    node().enter();
    MPI_Comm part = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(communicator_, color, key, &part), "MPI_Comm_split");
    return make_transport(part, sharing_);
  }

  std::unique_ptr<Transport> split_by_node() override { return split(0, rank()); }

  std::unique_ptr<SharedFile> open_shared(const std::string& path) override {
    node().enter();
    return open_mpi_file(communicator_, path);
  }

 private:
  MPI_Comm communicator_;
  NodeSharing sharing_;
};

}  // namespace

std::unique_ptr<Transport> make_process_transport(MPI_Comm communicator,
                                                  const NodeSharing& sharing) {
  if (nodes_of(communicator, sharing).nodes() > 1) return nullptr;
  std::unique_ptr<Node> node = make_process_node(communicator, sharing);
  if (!node) return nullptr;
  check_mpi(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return std::make_unique<ProcessTransport>(communicator, std::move(node), sharing);
}

}  // namespace colonnade
