#include "colonnade/mpi.hpp"

#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "mpi_transport.hpp"

namespace colonnade {

namespace {

/// The ranks of the node that this one is on.
struct OwnNode {
  int first = 0;         // of them, in the world
  bool crowded = false;  // by where they may run now, they are more than their cores together
};

OwnNode find_own_node(int rank) {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  int ranks = 0;
  MPI_Comm_size(node, &ranks);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const bool known = sched_getaffinity(0, sizeof cores, &cores) == 0;
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &cores, sizeof cores, MPI_BYTE, MPI_BOR, node),
            "MPI_Allreduce");
  OwnNode own = {rank, known && ranks > CPU_COUNT(&cores)};
  check_mpi(MPI_Bcast(&own.first, 1, MPI_INT, 0, node), "MPI_Bcast");
  MPI_Comm_free(&node);
  return own;
}

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  // MPI asks hwloc about the machine, which would load all of X11, OpenCL and libxml2 for it: 2 MiB
  // of each rank's memory.
  setenv("HWLOC_PLUGINS_BLACKLIST", "hwloc_gl.so,hwloc_opencl.so,hwloc_xml_libxml.so", 0);
  int provided = 0;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  set_error_rank(rank);
  const OwnNode own = find_own_node(rank);
  node_ = own.first;
  crowded_ = own.crowded;
}

std::string_view to_string(TransportChoice choice) {
  switch (choice) {
    case TransportChoice::automatic:
      return "auto";
    case TransportChoice::shared:
      return "shared";
    case TransportChoice::mpi:
      return "mpi";
  }
  return "";
}

MpiSession::~MpiSession() {
  MPI_Finalize();
}

ProcessGroup MpiSession::world(TransportChoice choice) {
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &copy), "MPI_Comm_dup");
  const NodeSharing sharing = {
      .allowed = choice != TransportChoice::mpi, .crowded = crowded_, .node = node_};
  if (choice == TransportChoice::automatic) return ProcessGroup(make_transport(copy, sharing));
  if (choice == TransportChoice::shared)
    if (auto transport = make_process_transport(copy, sharing))
      return ProcessGroup(std::move(transport));
  auto transport = make_mpi_transport(copy, sharing);
  if (choice == TransportChoice::shared) {
    throw Error::agreed(
        Error("ranks cannot share memory",
              {.wanted = "all on one node, as one user, and able to see each other's processes",
               .hint = "--transport auto or mpi goes anywhere"})
            .what());
  }
  return ProcessGroup(std::move(transport));
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
