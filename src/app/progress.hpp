// What rank 0 shows of a training run while it goes on.
#pragma once

#include <chrono>
#include <cstdint>

#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// One line, redrawn in place a few times a second, or plain lines a few seconds apart.
class Progress {
 public:
  /// `samples_done` of the epoch that the run goes on in were trained before it.
  Progress(bool redraw, std::int64_t epochs, Index samples_per_epoch, Index samples_done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void on_step(const StepReport& report);
  void on_epoch(const EpochReport& report);

 private:
  using Clock = std::chrono::steady_clock;

  void show(const StepReport& report);

  bool redraw_;
  std::int64_t epochs_;  // 0 if steps alone end the run
  Index samples_per_epoch_;
  Index samples_done_;  // in this epoch
  Clock::time_point begin_ = Clock::now();
  Clock::time_point shown_{};
  double training_seconds_ = 0;
  Index samples_trained_ = 0;
  std::int64_t steps_done_ = 0;  // of this run, without those before it was resumed
  bool line_drawn_ = false;
};

}  // namespace colonnade::app
