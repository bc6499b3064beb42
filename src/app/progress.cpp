#include "app/progress.hpp"

#include <cstdio>
#include <string>

#include "colonnade/render.hpp"

namespace colonnade::app {

Progress::Progress(bool redraw, std::int64_t epochs, Index samples_per_epoch, Index samples_done)
    : redraw_(redraw),
      epochs_(epochs),
      samples_per_epoch_(samples_per_epoch),
      samples_done_(samples_done) {}

Progress::~Progress() {
  if (line_drawn_) std::printf("\n");  // what comes next, an error say, gets a line of its own
}

void Progress::on_step(const StepReport& report) {
  samples_done_ += report.rows;
  samples_trained_ += report.rows;
  training_seconds_ += report.seconds;
  ++steps_done_;
  if (!report.skipped.empty()) {
    if (line_drawn_) std::printf("\r\033[K");
    line_drawn_ = false;
    std::printf("step %lld skipped: %s\n", static_cast<long long>(report.step),
                report.skipped.c_str());
    std::fflush(stdout);
  }
  const auto interval = redraw_ ? std::chrono::milliseconds(200) : std::chrono::seconds(5);
  const bool due = Clock::now() - shown_ >= interval;
  if (due || steps_done_ == 1 || report.step == report.total_steps) show(report);
}

void Progress::show(const StepReport& report) {
  shown_ = Clock::now();
  const double share = static_cast<double>(samples_done_) / static_cast<double>(samples_per_epoch_);
  const double speed = static_cast<double>(samples_trained_) / training_seconds_;
  const double elapsed = std::chrono::duration<double>(shown_ - begin_).count();
  const double steps_left = static_cast<double>(report.total_steps - report.step);
  const double left = elapsed / static_cast<double>(steps_done_) * steps_left;
  std::string epoch = std::to_string(report.epoch);
  if (epochs_ > 0) epoch += "/" + std::to_string(epochs_);
  if (redraw_) std::printf("\r\033[K");
  std::printf("epoch %s  %3.0f%%  step %lld/%lld  loss %.6f  %s samples/s", epoch.c_str(),
              100 * share, static_cast<long long>(report.step),
              static_cast<long long>(report.total_steps), report.loss,
              render_count(static_cast<std::int64_t>(speed)).c_str());
  if (steps_left > 0) std::printf("  %s left", render_whole_seconds(left).c_str());
  if (!redraw_) std::printf("\n");
  line_drawn_ = redraw_;
  std::fflush(stdout);
}

void Progress::on_epoch(const EpochReport& report) {
  samples_done_ = 0;
  if (!report.test) return;
  if (line_drawn_) std::printf("\r\033[K");
  line_drawn_ = false;
  std::printf("epoch %lld  test loss %.6f", static_cast<long long>(report.epoch),
              report.test->loss);
  if (report.test->accuracy) std::printf("  accuracy %.2f%%", 100 * *report.test->accuracy);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace colonnade::app
