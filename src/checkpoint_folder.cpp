#include "colonnade/checkpoint_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "colonnade/error.hpp"
#include "colonnade/file.hpp"

namespace colonnade {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "step-";
constexpr std::string_view suffix = ".safetensors";

/// The steps of a checkpoint with this name; nothing for the name of anything else.
std::optional<std::int64_t> steps_of(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  if (name.size() <= prefix.size() + suffix.size()) return std::nullopt;
  const std::string_view digits =
      name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  std::int64_t steps = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, steps);
  if (error != std::errc() || stop != end || steps < 0) return std::nullopt;
  return steps;
}

/// What File::create_beside has made for a checkpoint.
bool is_partial(std::string_view name) {
  const std::size_t mark = name.find(std::string(suffix) + ".partial-");
  return mark != name.npos && steps_of(name.substr(0, mark + suffix.size()));
}

/// Steps and path of all checkpoints, most steps first.
std::vector<std::pair<std::int64_t, std::string>> list(const std::string& folder) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const auto steps = steps_of(entry->path().filename().string());
    std::error_code ignored;
    if (steps && entry->is_regular_file(ignored))
      found.emplace_back(*steps, entry->path().string());
  }
  if (failed) throw Error("cannot read the folder " + folder, {.found = failed.message()});
  std::sort(found.rbegin(), found.rend());
  return found;
}

void remove_partial_files(const std::string& folder) {
  std::error_code failed;
  std::vector<fs::path> partial;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (is_partial(entry->path().filename().string())) partial.push_back(entry->path());
  }
  for (const fs::path& path : partial) fs::remove(path, failed);
}

/// Returns the descriptor that holds the lock, or -1 where the file system has no locks. A file
/// that can be written, for NFS can't lock a folder.
int lock_folder(const std::string& folder, std::chrono::milliseconds patience) {
  const std::string path = (fs::path(folder) / ".lock").string();
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    throw Error::of_system("cannot write in the folder " + folder, {.found = system_message()});
  }
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    const bool is_held = errno == EWOULDBLOCK;
    if (is_held && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    close(descriptor);
    if (!is_held) return -1;
    throw Error("another run keeps its checkpoints in " + folder,
                {.hint = "wait for its end, or choose another folder"});
  }
  return descriptor;
}

}  // namespace

bool is_place_of_checkpoint(const std::string& path, const std::string& folder) {
  std::error_code ignored;
  const fs::path place = fs::absolute(path, ignored);
  return fs::equivalent(place.parent_path(), folder, ignored) &&
         steps_of(place.filename().string()).has_value();
}

CheckpointFolder::CheckpointFolder(const std::string& path, std::chrono::milliseconds patience)
    : path_(path) {
  std::error_code failed;
  fs::create_directories(path_, failed);
  if (!fs::is_directory(path_)) {
    throw Error("cannot make the folder " + path_,
                {.found = failed ? failed.message() : "something else of that name"});
  }
  lock_ = lock_folder(path_, patience);
  if (lock_ >= 0) remove_partial_files(path_);
}

CheckpointFolder::CheckpointFolder(CheckpointFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

CheckpointFolder& CheckpointFolder::operator=(CheckpointFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

CheckpointFolder::~CheckpointFolder() {
  if (lock_ >= 0) close(lock_);
}

std::string CheckpointFolder::path_of(std::int64_t step) const {
  constexpr std::size_t digits = 12;
  std::string number = std::to_string(step);
  if (number.size() < digits) number.insert(0, digits - number.size(), '0');
  return (fs::path(path_) / (std::string(prefix) + number + std::string(suffix))).string();
}

std::vector<std::string> CheckpointFolder::newest_first() const {
  std::vector<std::string> paths;
  for (auto& [steps, path] : list(path_)) paths.push_back(std::move(path));
  return paths;
}

void CheckpointFolder::set_aside(const std::string& checkpoint) {
  std::error_code failed;
  fs::rename(checkpoint, checkpoint + ".damaged", failed);
  if (failed) throw Error("cannot rename " + checkpoint, {.found = failed.message()});
}

void CheckpointFolder::keep(std::int64_t step, int count) {
  for (const auto& [steps, path] : list(path_)) {
    if (steps <= step && count-- > 0) continue;
    std::error_code failed;
    fs::remove(path, failed);
    if (failed) throw Error("cannot remove " + path, {.found = failed.message()});
  }
}

}  // namespace colonnade
