// Files of all ranks through MPI-IO.
#pragma once

#include <mpi.h>

#include <memory>
#include <string>

#include "colonnade/shared_file.hpp"

namespace colonnade {

/// Opens a file that is there, to write. Collective over the communicator.
std::unique_ptr<SharedFile> open_mpi_file(MPI_Comm communicator, const std::string& path);

}  // namespace colonnade
