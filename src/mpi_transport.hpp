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

/// How groups of ranks on one node may communicate.
struct NodeSharing {
  bool allowed = false;  // through memory; else MPI does everything
  bool crowded = false;  // more ranks on the node than cores that they may use
};

/// MPI does everything; where sharing is allowed, parts that are split off may do without it. Takes
/// the communicator over and frees it in the end.
std::unique_ptr<Transport> make_mpi_transport(MPI_Comm communicator, const NodeSharing& sharing);

/// Ranks of one node that share memory; MPI is left to set up and to write files. Takes the
/// communicator over and frees it in the end; null, on all ranks, and the communicator left alone,
/// if its ranks are on several nodes or can't reach one another's memory. Collective.
std::unique_ptr<Transport> make_process_transport(MPI_Comm communicator,
                                                  const NodeSharing& sharing);

/// The transport of a group of this communicator, which it takes over: through memory where that is
/// allowed and possible. Collective.
std::unique_ptr<Transport> make_transport(MPI_Comm communicator, const NodeSharing& sharing);

}  // namespace colonnade
