// The memory of processes of one node, and who of a group is on which node.
#pragma once

#include <memory>

#include "mpi_transport.hpp"
#include "node.hpp"

namespace colonnade {

/// The ranks of this communicator, which are on one node. Null, on all of them, if one can't reach
/// the memory of the others. The communicator is needed no more once it has returned. Collective.
std::unique_ptr<Node> make_process_node(MPI_Comm communicator, const NodeSharing& sharing);

}  // namespace colonnade
