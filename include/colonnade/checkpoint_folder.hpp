// The folder in which a run keeps its checkpoints. Only one rank touches it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace colonnade {

/// Whether a run that keeps its checkpoints in `folder` may take this path for one of them.
bool is_place_of_checkpoint(const std::string& path, const std::string& folder);

/// Holds the folder for this run until the end of its scope. Move-only.
class CheckpointFolder {
 public:
  /// Makes the folder if there is none, and removes what a run left there that was killed while
  /// saving. Throws if another run holds it, as the file system's locks tell, and goes on doing so
  /// for `patience`: a run that was killed may take a moment to be gone. Without such locks nothing
  /// is removed, for another run may be at it.
  explicit CheckpointFolder(const std::string& path,
                            std::chrono::milliseconds patience = std::chrono::seconds(5));
  CheckpointFolder(CheckpointFolder&& other) noexcept;
  CheckpointFolder& operator=(CheckpointFolder&& other) noexcept;
  ~CheckpointFolder();

  /// Where the checkpoint after so many steps belongs: PATH/step-000000000120.safetensors.
  std::string path_of(std::int64_t step) const;

  /// The paths of all checkpoints, most steps first.
  std::vector<std::string> newest_first() const;

  /// Renames a checkpoint that can't be used to PATH.damaged, so that it is in nobody's way.
  void set_aside(const std::string& checkpoint);

  /// Removes all but the `count` with the most steps among those up to `step`. Those beyond belong
  /// to a run that this one has fallen back behind: they go too.
  void keep(std::int64_t step, int count);

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace colonnade
