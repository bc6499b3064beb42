// What model a file holds, before there is a model to load it into.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "colonnade/process_group.hpp"
#include "colonnade/safetensors_header.hpp"

namespace colonnade {

struct StoredModel {
  std::vector<Index> widths;  // as MlpOptions has them
  bool bias = true;
  std::map<std::string, std::string> options;  // of the run, if the file is a checkpoint
};

/// By names and shapes of the tensors: layers.0.weight [out, in] and so on. Throws if they are not
/// those of a chain of layers; `file` is what errors call it.
StoredModel stored_model(const std::string& file, const SafetensorsHeader& header);

/// Of a file, on all ranks the same. Reads its header only. Collective.
StoredModel read_stored_model(ProcessGroup& group, const std::string& path);

}  // namespace colonnade
