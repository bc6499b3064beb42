// What a backend does to the environment that a program is started with, before MPI.
#pragma once

namespace colonnade {

/// Undoes OpenMP's own binding; false if there is none. Each rank's runtime has bound its first
/// thread to the first core of the node, before choose_device can give the ranks different ones.
bool leave_binding_to_us();

/// Starts the program again with the environment as it is now; returns where that is not possible.
void start_again(char** argv);

}  // namespace colonnade
