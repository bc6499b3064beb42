// The log of a run: a JSON object a line, one for each step and each epoch, and between them what
// the run is and what its ranks say of themselves. What is different each time, of the same
// training, is in none of the fields step, epoch, loss, lr, gradient_norm, test_loss,
// test_accuracy.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "app/configuration.hpp"
#include "app/rank_report.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// What a run is, as its log says at its beginning.
struct RunFacts {
  Configuration options;
  MeshShape mesh;
  std::string transport;
  int threads = 1;  // of each rank
  Index parameters = 0;
  Index samples = 0;               // to train on
  std::string data;                // digest
  std::vector<MemoryPlan> memory;  // what each rank must hold
};

class RunLog {
 public:
  /// Starts the file anew, or, if a run goes on from `start`, keeps the lines of the steps and
  /// epochs before; throws if it can't be written.
  explicit RunLog(const std::string& path, const Position& start = {});

  /// All throw if the file can't be written any more, on a full disk say.
  void on_begin(const RunFacts& facts);
  void on_step(const StepReport& report);
  void on_epoch(const EpochReport& report);
  void on_ranks(const RankReport& report);

 private:
  void write(const std::string& line);

  std::string path_;
  std::int64_t step_;  // the last that the log has
  std::ofstream file_;
};

}  // namespace colonnade::app
