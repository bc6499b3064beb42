// A header that all ranks have read, each by itself.
#pragma once

#include <optional>
#include <string>

#include "colonnade/process_group.hpp"
#include "colonnade/safetensors_header.hpp"

namespace colonnade {

/// Opens the file on every rank and reads its header. Throws the same on all ranks if any can't, or
/// if they have different files at that path: those of other nodes, or of another moment.
/// Collective.
SafetensorsHeader read_common_header(ProcessGroup& group, const std::string& path,
                                     std::optional<File>& file);

}  // namespace colonnade
