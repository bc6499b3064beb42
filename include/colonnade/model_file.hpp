// A model's tensors in safetensors files, under the names and in the shapes of PyTorch's nn.Linear:
// weight [out, in], bias [out]. A rank's columns of a weight are a run of its rows there, one
// contiguous byte range; a rank's rows are a run of columns. Every rank reads what it holds, no
// rank ever holds the whole, and of several ranks that hold the same the first one writes it.
#pragma once

#include <string>

#include "colonnade/mesh.hpp"
#include "colonnade/mlp.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Writes all parameters. `path` is replaced as a whole or not at all; not at all if a number is
/// not finite. Collective over the mesh's world.
void save_parameters(Mesh& mesh, const Mlp& model, const std::string& path);

/// Writes all gradients, as NAME.grad. They must be whole: after sums of own runs call
/// TrainingJob::gather_gradients first. Collective.
void save_gradients(Mesh& mesh, const Mlp& model, const std::string& path);

/// Overwrites all parameters; throws an agreed error if the file doesn't hold exactly this model's
/// tensors in their shapes. Collective.
void load_parameters(Mesh& mesh, Mlp& model, const std::string& path);

}  // namespace colonnade::inline COLONNADE_PRECISION
