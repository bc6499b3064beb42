// A model's tensors in safetensors files, under the names and in the shapes of PyTorch's nn.Linear:
// weight [out, in], bias [out]. A rank's columns of a weight are a run of its rows there, so every
// rank writes and reads one contiguous byte range of each tensor and none ever holds the whole.
#pragma once

#include <string>

#include "colonnade/mlp.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Writes all parameters. `path` is replaced as a whole or not at all; not at all if a number is
/// not finite. Collective.
void save_parameters(ProcessGroup& group, const Mlp& model, const std::string& path);

/// Writes all gradients, as <name>.grad. Collective.
void save_gradients(ProcessGroup& group, const Mlp& model, const std::string& path);

/// Overwrites all parameters; throws an agreed error if the file doesn't hold exactly this model's
/// tensors in their shapes. Collective.
void load_parameters(ProcessGroup& group, Mlp& model, const std::string& path);

}  // namespace colonnade::inline COLONNADE_PRECISION
