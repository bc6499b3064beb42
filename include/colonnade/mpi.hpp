// Joining the world of MPI. The only header one needs for it; <mpi.h> stays in src.
#pragma once

#include <string>
#include <string_view>

#include "colonnade/process_group.hpp"

namespace colonnade {

/// What carries messages between processes. `shared`: memory of the node that all of them are on.
/// `automatic`: that where it is possible, between ranks of one node, and MPI between nodes.
enum class TransportChoice { automatic, shared, mpi };
std::string_view to_string(TransportChoice choice);

/// Sets MPI up, and takes it down at the end of the scope. One a process. Without mpiexec the world
/// has one rank. Errors of MPI come back as Error instead of ending the process.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// All ranks of the job, in a communicator of the group's own. Throws an agreed Error if `shared`
  /// is asked for and not to be had. Collective.
  ProcessGroup world(TransportChoice choice = TransportChoice::automatic);

  /// Ends every rank of the job at once with this exit code: for a rank that fails alone while
  /// others may wait for it.
  [[noreturn]] void abort(int exit_code);

 private:
  int node_ = 0;          // the first rank of those on this one's
  bool crowded_ = false;  // more ranks on this node than cores that they may use
};

/// Name and version of the MPI library.
std::string mpi_library();

}  // namespace colonnade
