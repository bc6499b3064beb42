// `colonnade inspect FILE`.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "colonnade/checkpoint.hpp"
#include "colonnade/checksum.hpp"
#include "colonnade/render.hpp"
#include "colonnade/safetensors_header.hpp"

namespace colonnade::app {

namespace {

void print_checkpoint(const CheckpointInfo& info) {
  std::printf("checkpoint of step %lld: epoch %lld, batch %lld of it is done\n",
              static_cast<long long>(info.position.step),
              static_cast<long long>(info.position.epoch),
              static_cast<long long>(info.position.batch));
  std::printf("saved by colonnade %s, %s, on a mesh of dp=%d, tp=%d\n",
              printable(info.version).c_str(), printable(info.scalar).c_str(), info.mesh.dp,
              info.mesh.tp);
  for (const auto& [name, value] : info.options) {
    std::printf("  --%-18s %s\n", printable(name).c_str(), printable(value).c_str());
  }
}

using NamedTensor = std::pair<const std::string, StoredTensor>;

std::vector<const NamedTensor*> in_file_order(const SafetensorsHeader& header) {
  std::vector<const NamedTensor*> tensors;
  for (const NamedTensor& tensor : header.tensors) tensors.push_back(&tensor);
  std::sort(tensors.begin(), tensors.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.bytes.begin, a->second.bytes.end) <
           std::pair(b->second.bytes.begin, b->second.bytes.end);
  });
  return tensors;
}

/// What the last column says of a tensor, and whether it may.
std::pair<std::string, bool> verify(const File& file, const SafetensorsHeader& header,
                                    const NamedTensor& tensor) {
  const auto stored = header.metadata.find(tensor_checksum_prefix + tensor.first);
  if (stored == header.metadata.end()) return {"none", true};
  const auto found = stored_checksum(file, tensor.second);
  if (!found) return {"not for this type", true};
  const bool holds = checksum_text(*found) == stored->second;
  return {holds ? printable(stored->second) : "damaged", holds};
}

/// Returns the first tensor that is damaged.
const NamedTensor* print_tensors(const File& file, const SafetensorsHeader& header) {
  const NamedTensor* damaged = nullptr;
  std::size_t width = 8;
  for (const auto& [name, tensor] : header.tensors) width = std::max(width, name.size());
  const int name_width = static_cast<int>(std::min<std::size_t>(width, 48));
  std::printf("%-*s  type  %-16s %12s  checksum\n", name_width, "tensor", "shape", "bytes");
  for (const NamedTensor* tensor : in_file_order(header)) {
    const auto [text, holds] = verify(file, header, *tensor);
    if (!holds && damaged == nullptr) damaged = tensor;
    std::printf("%-*s  %-4s  %-16s %12s  %s\n", name_width, printable(tensor->first).c_str(),
                printable(tensor->second.dtype).c_str(), shape_text(tensor->second.shape).c_str(),
                render_count(tensor->second.bytes.size()).c_str(), text.c_str());
  }
  return damaged;
}

void inspect(const std::string& path) {
  const File file = File::open(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  std::printf("%s: %s, %zu tensors\n", path.c_str(),
              render_bytes(static_cast<double>(file.size())).c_str(), header.tensors.size());
  if (is_checkpoint(header.metadata)) print_checkpoint(checkpoint_info(path, header.metadata));
  const NamedTensor* const damaged = print_tensors(file, header);
  if (damaged != nullptr) {
    throw Error(path + " is damaged: " + in_quotes(damaged->first) +
                " doesn't have the checksum that the file says");
  }
  const bool has_checksums = header.metadata.contains(header_checksum_key);
  std::printf("%s\n", has_checksums ? "header and tensors have the checksums that the file says"
                                    : "the file has no checksums");
}

}  // namespace

int run_inspect(ProcessGroup& world, const InspectOptions& options) {
  collectively(world, [&] {
    if (world.rank() == 0) inspect(options.file);
  });
  return 0;
}

}  // namespace colonnade::app
