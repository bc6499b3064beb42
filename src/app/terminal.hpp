// Whether somebody is watching.
#pragma once

namespace colonnade::app {

/// True if what this process prints ends on a terminal: its own standard output, or that of the
/// mpiexec on this machine which started it and to which it prints through a pipe.
bool output_is_terminal();

}  // namespace colonnade::app
