// What the sources that include <mpi.h> share; no header of the library does.
#pragma once

#include <mpi.h>

#include <memory>

#include "colonnade/transport.hpp"

namespace colonnade {

/// Throws what MPI says about this code of `call`, unless it is success.
void check_mpi(int code, const char* call, SourceLine where = SourceLine::here());

MPI_Datatype mpi_type(DataType type);

/// Throws if it is more than MPI can count.
int mpi_count(Index count);

/// How groups of ranks may communicate.
struct NodeSharing {
  bool allowed = false;  // through memory of a node; else MPI does everything
  bool crowded = false;  // more ranks on the node than cores that they may use
  int node = 0;          // this rank's: the same number on all ranks of a node, and on no others
};

class NodeMap;

/// The nodes of this communicator's ranks. Collective.
NodeMap nodes_of(MPI_Comm communicator, const NodeSharing& sharing);

// The transports of groups of processes. Each takes the communicator over and frees it in the end.
// Those that return null do so on all ranks, and leave the communicator alone. Collective.

/// MPI does everything; where sharing is allowed, parts that are split off may do without it.
std::unique_ptr<Transport> make_mpi_transport(MPI_Comm communicator, const NodeSharing& sharing);

/// Ranks of one node that share memory; MPI is left to set up and to write files. Null if ranks are
/// on several nodes or can't reach one another's memory.
std::unique_ptr<Transport> make_process_transport(MPI_Comm communicator,
                                                  const NodeSharing& sharing);

/// Ranks of several nodes: those of each share memory, and MPI carries between nodes what must
/// cross. Null if on some node they can't reach one another's memory.
std::unique_ptr<Transport> make_cluster_transport(MPI_Comm communicator,
                                                  const NodeSharing& sharing);

/// What suits the ranks: memory where sharing is allowed and there is a node with several of them.
std::unique_ptr<Transport> make_transport(MPI_Comm communicator, const NodeSharing& sharing);

}  // namespace colonnade
