// What the sources that include <mpi.h> share: these two functions, and no header of the library
// does.
#pragma once

#include <mpi.h>

#include <memory>

#include "colonnade/transport.hpp"

namespace colonnade {

/// Throws what MPI says about this code of `call`, unless it is success.
void check_mpi(int code, const char* call, SourceLine where = SourceLine::here());

/// Takes the communicator over and frees it in the end.
std::unique_ptr<Transport> make_mpi_transport(MPI_Comm communicator);

}  // namespace colonnade
