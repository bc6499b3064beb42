// The checkpoints of a training run: which one it goes on from, and when it writes new ones.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "app/configuration.hpp"
#include "app/options.hpp"
#include "colonnade/checkpoint.hpp"
#include "colonnade/checkpoint_folder.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

class Checkpoints {
 public:
  /// Opens the folder, if one is asked for. `configuration` has the options with what was chosen
  /// where they are left out, `data` is the digest of the data set. Collective.
  Checkpoints(ProcessGroup& world, const CheckpointOptions& options, Configuration configuration,
              Arithmetic arithmetic, std::string data);

  /// Loads the checkpoint that --resume asks for and returns where the run then stands, or nothing
  /// if it begins anew. `make_job` gives a job with nothing loaded, again after a file that turned
  /// out to be damaged. Says on rank 0 what it found. Collective.
  std::optional<Position> resume(const std::function<TrainingJob&()>& make_job);

  /// Writes a checkpoint after the trainer's present step, if one is due. Collective.
  void after_step(TrainingJob& job, const Trainer& trainer);

  /// Writes one if the last is of another step; returns its path, empty without a folder.
  /// Collective.
  std::string save_now(TrainingJob& job, const Position& position);

  /// The same of the state before a number that had to end the run, and says so; not if that state
  /// can't be saved, for the error of the number tells more. Collective.
  void save_before_error(TrainingJob& job, const Position& position);

 private:
  CheckpointInfo load(TrainingJob& job, const std::string& path);
  std::optional<Position> resume_newest(const std::function<TrainingJob&()>& make_job);
  void check_own_folder();
  void check_new_run();
  std::vector<std::string> newest_first();
  void remove_old(std::int64_t step);

  ProcessGroup* world_;
  const CheckpointOptions* options_;
  Configuration configuration_;
  Arithmetic arithmetic_;
  std::string data_;
  std::optional<CheckpointFolder> folder_;  // on rank 0
  std::int64_t saved_step_ = -1;
  std::string saved_path_;
};

}  // namespace colonnade::app
