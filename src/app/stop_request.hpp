// When a run is to stop before its end: by a signal, or at its time limit.
#pragma once

#include <chrono>
#include <string>

#include "colonnade/process_group.hpp"

namespace colonnade::app {

class StopRequest {
 public:
  /// From here to the end of the process, SIGINT, SIGTERM and SIGUSR1 ask for a stop in the place
  /// of ending the process; a second SIGINT ends it at once. `time_limit` is in seconds from now
  /// on; 0: none.
  explicit StopRequest(double time_limit);

  /// Whether this rank was asked, or its time is over.
  bool is_there() const;

  /// Why the run stops, as it reads after "stopped": "by SIGTERM", "at --time-limit". The same on
  /// every rank, whichever was asked. Collective.
  std::string reason(ProcessGroup& world) const;

 private:
  bool is_late() const;

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double time_limit_;
};

}  // namespace colonnade::app
