// Whether a run may go on from a checkpoint, and what has changed in between.
#pragma once

#include <string>
#include <vector>

#include "app/configuration.hpp"
#include "colonnade/checkpoint.hpp"
#include "colonnade/error.hpp"

namespace colonnade::app {

/// A checkpoint of another run: no other file of the folder will do either.
class NotResumable : public Error {
 public:
  explicit NotResumable(const Error& error) : Error(error) {}
};

/// What a run is, as far as its checkpoints say.
struct RunIdentity {
  const Configuration& configuration;
  const std::string& data;
  MeshShape mesh;
  const Arithmetic& arithmetic;
};

/// Throws NotResumable, agreed, if the checkpoint's model, data or batches are others than this
/// run's. Returns a line for every other option that is another now, and one if the last bits will
/// not be those of a run that never stopped. Every rank must call it with the same arguments.
std::vector<std::string> check_resumable(const std::string& path, const CheckpointInfo& info,
                                         const RunIdentity& run);

}  // namespace colonnade::app
