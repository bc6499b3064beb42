#include "app/checkpoints.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

#include "app/resumable.hpp"

namespace colonnade::app {

namespace {

constexpr int default_keep = 3;

/// A line of rank 0's.
void say(ProcessGroup& world, const std::string& text) {
  if (world.rank() != 0) return;
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

std::string describe(const Position& position) {
  return "step " + std::to_string(position.step) + ", epoch " + std::to_string(position.epoch);
}

}  // namespace

Checkpoints::Checkpoints(ProcessGroup& world, const CheckpointOptions& options,
                         Configuration configuration, Arithmetic arithmetic, std::string data)
    : world_(&world),
      options_(&options),
      configuration_(std::move(configuration)),
      arithmetic_(std::move(arithmetic)),
      data_(std::move(data)) {
  collectively(world, [&] {
    if (world.rank() == 0 && !options_->folder.empty()) folder_.emplace(options_->folder);
  });
}

std::optional<Position> Checkpoints::resume(const std::function<TrainingJob&()>& make_job) {
  if (options_->resume.empty()) {
    check_new_run();
    return std::nullopt;
  }
  if (options_->resume == "auto") return resume_newest(make_job);
  check_own_folder();
  const CheckpointInfo info = load(make_job(), options_->resume);
  say(*world_, "resumed from " + options_->resume + ": " + describe(info.position));
  return info.position;
}

std::optional<Position> Checkpoints::resume_newest(const std::function<TrainingJob&()>& make_job) {
  for (const std::string& path : newest_first()) {
    try {
      const CheckpointInfo info = load(make_job(), path);
      say(*world_, "resumed from " + path + ": " + describe(info.position));
      saved_step_ = info.position.step;
      saved_path_ = path;
      return info.position;
    } catch (const NotResumable&) {
      throw;
    } catch (const Error& error) {
      // What the machine can't read now may be whole: nothing is given up for it.
      if (!error.is_agreed() || error.is_of_system()) throw;
      say(*world_, std::string("cannot resume from the newest checkpoint: ") + error.what());
      collectively(*world_, [&] {
        if (folder_) folder_->set_aside(path);
      });
      say(*world_, path + " is now " + path + ".damaged; trying the one before");
    }
  }
  say(*world_, "no checkpoint to resume from in " + options_->folder + ": a new run");
  make_job();  // the last that was tried may have been loaded in part
  return std::nullopt;
}

/// Going back to an older checkpoint forgets those after it: these must be the same run's.
void Checkpoints::check_own_folder() {
  collectively(*world_, [&] {
    if (!folder_ || folder_->newest_first().empty()) return;
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::path place = fs::absolute(options_->resume, ignored).parent_path();
    if (fs::equivalent(place, options_->folder, ignored)) return;
    throw Error(options_->folder + " holds checkpoints of another run than " + options_->resume,
                {.hint = "choose another folder"});
  });
}

/// A new run among the checkpoints of another would replace them.
void Checkpoints::check_new_run() {
  collectively(*world_, [&] {
    if (!folder_ || folder_->newest_first().empty()) return;
    throw Error(options_->folder + " holds checkpoints of an earlier run",
                {.hint = "--resume auto goes on from them; or choose another folder"});
  });
}

CheckpointInfo Checkpoints::load(TrainingJob& job, const std::string& path) {
  const CheckpointInfo info = read_checkpoint_info(*world_, path);
  for (const std::string& line :
       check_resumable(path, info, {configuration_, data_, job.mesh().shape(), arithmetic_})) {
    say(*world_, line);
  }
  return load_checkpoint(job, path);
}

std::vector<std::string> Checkpoints::newest_first() {
  std::string lines;  // rank 0's
  collectively(*world_, [&] {
    if (!folder_) return;
    for (const std::string& path : folder_->newest_first()) lines += path + '\0';
  });
  broadcast_text(*world_, lines, 0);
  std::istringstream text(lines);
  std::vector<std::string> paths;
  for (std::string path; std::getline(text, path, '\0');) paths.push_back(path);
  return paths;
}

void Checkpoints::after_step(TrainingJob& job, const Trainer& trainer) {
  if (options_->folder.empty()) return;
  const std::int64_t step = trainer.position().step;
  const bool due = options_->every > 0 ? step % options_->every == 0 : trainer.at_end_of_epoch();
  if (due) save_now(job, trainer.position());
}

std::string Checkpoints::save_now(TrainingJob& job, const Position& position) {
  if (options_->folder.empty() || saved_step_ == position.step) return saved_path_;
  std::string path;
  if (folder_) path = folder_->path_of(position.step);
  broadcast_text(*world_, path, 0);
  save_checkpoint(job, path,
                  {.position = position,
                   .data = data_,
                   .options = {configuration_.begin(), configuration_.end()},
                   .arithmetic = arithmetic_});
  remove_old(position.step);
  saved_step_ = position.step;
  saved_path_ = path;
  return path;
}

/// The new one is safe, whether old ones can be removed or not.
void Checkpoints::remove_old(std::int64_t step) {
  if (!folder_) return;
  try {
    folder_->keep(step, options_->keep > 0 ? options_->keep : default_keep);
  } catch (const Error& error) {
    std::printf("older checkpoints stay: %s\n", error.what());
  }
}

void Checkpoints::save_before_error(TrainingJob& job, const Position& position) {
  if (options_->folder.empty()) return;
  try {
    const std::string path = save_now(job, position);
    say(*world_, "the last good state is in " + path);
  } catch (const Error& error) {
    if (!error.is_agreed()) throw;
    say(*world_, std::string("the last state is not saved: ") + error.what());
  }
}

}  // namespace colonnade::app
