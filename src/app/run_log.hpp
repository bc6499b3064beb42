// The log of a run: a JSON object a line, one for each step and each epoch.
#pragma once

#include <fstream>
#include <string>

#include "colonnade/trainer.hpp"

namespace colonnade::app {

class RunLog {
 public:
  /// Starts the file anew, or, if a run goes on from `start`, keeps the lines of the steps and
  /// epochs before; throws if it can't be written.
  explicit RunLog(const std::string& path, const Position& start = {});

  /// Throw if the file can't be written any more, on a full disk say.
  void on_step(const StepReport& report);
  void on_epoch(const EpochReport& report);

 private:
  void write(const std::string& line);

  std::string path_;
  std::ofstream file_;
};

}  // namespace colonnade::app
