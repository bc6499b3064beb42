// Checkpoints: all that a run needs to go on as if it had never stopped, on any number of ranks, in
// one safetensors file. The parameters have PyTorch's names and shapes; beside layers.0.weight lie
// AdamW's moments, layers.0.weight.exp_avg and layers.0.weight.exp_avg_sq, in the same shape. All
// the rest is in the metadata.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "colonnade/mesh.hpp"
#include "colonnade/position.hpp"
#include "colonnade/safetensors_header.hpp"
#include "colonnade/training_job.hpp"

namespace colonnade {

/// On what the last bits of a run depend beside its options, as text.
struct Arithmetic {
  std::string build = {};  // library, kernels of the processor
  std::string ranks = {};  // transport, threads; nothing that exact mode depends on
  bool operator==(const Arithmetic&) const = default;
};

/// What a checkpoint says beside its tensors.
struct CheckpointInfo {
  Position position = {};
  std::int64_t updates = 0;  // AdamW's; fewer than steps where some were skipped
  MeshShape mesh = {};       // that saved it; any other may load it
  std::string data = {};     // digest of the data set
  std::map<std::string, std::string> options = {};  // name and value of what was asked for
  Arithmetic arithmetic = {};
  std::string scalar = {};   // "float" or "double"
  std::string version = {};  // of the library that saved it
};

/// The metadata keys are colonnade.checkpoint (the version of this form, 1), .version, .scalar,
/// .step, .epoch, .batch, .updates, .mesh, .data,
/// .build, .ranks, and .option.NAME for each option.
Metadata metadata_of(const CheckpointInfo& info);

/// Whether the metadata are a checkpoint's.
bool is_checkpoint(const Metadata& metadata);

/// The inverse of metadata_of. Throws for anything that it can't have made; `file` is what errors
/// call it.
CheckpointInfo checkpoint_info(const std::string& file, const Metadata& metadata);

/// Of a file, on all ranks the same. Reads its header only. Collective.
CheckpointInfo read_checkpoint_info(ProcessGroup& group, const std::string& path);

inline namespace COLONNADE_PRECISION {

/// Writes parameters, moments and `info`, but for updates, mesh, scalar and version, which it fills
/// in. Every rank writes what it has, and none ever holds the whole. The file appears whole or not
/// at all, and not at all if a number is not finite. Collective over the mesh's world.
void save_checkpoint(TrainingJob& job, const std::string& path, CheckpointInfo info);

/// Overwrites parameters and moments, each rank reading what it needs. Throws an agreed error for a
/// file that is damaged or another model's; the job must not be used after that. Collective.
CheckpointInfo load_checkpoint(TrainingJob& job, const std::string& path);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
