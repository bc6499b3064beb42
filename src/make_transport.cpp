// Which transport a group of processes gets.
#include "mpi_transport.hpp"
#include "node_map.hpp"

namespace colonnade {

NodeMap nodes_of(MPI_Comm communicator, const NodeSharing& sharing) {
  int size = 0;
  check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  std::vector<int> nodes(static_cast<std::size_t>(size));
  check_mpi(MPI_Allgather(&sharing.node, 1, MPI_INT, nodes.data(), 1, MPI_INT, communicator),
            "MPI_Allgather");
  return NodeMap(nodes);
}

std::unique_ptr<Transport> make_transport(MPI_Comm communicator, const NodeSharing& sharing) {
  int size = 0;
  check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  if (size == 1) {  // nobody to talk to, with MPI or without
    MPI_Comm_free(&communicator);
    return make_self_transport();
  }
  if (sharing.allowed) {
    const NodeMap map = nodes_of(communicator, sharing);
    std::unique_ptr<Transport> transport;
    if (map.nodes() == 1) {
      transport = make_process_transport(communicator, sharing);
    } else if (map.most_ranks() > 1) {
      transport = make_cluster_transport(communicator, sharing);
    }
    if (transport) return transport;
  }
  return make_mpi_transport(communicator, sharing);
}

}  // namespace colonnade
