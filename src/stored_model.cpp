#include "colonnade/stored_model.hpp"

#include <optional>

#include "colonnade/checkpoint.hpp"
#include "common_header.hpp"

namespace colonnade {

namespace {

const StoredTensor* find(const SafetensorsHeader& header, std::size_t layer, const char* part) {
  const auto found = header.tensors.find("layers." + std::to_string(layer) + "." + part);
  return found == header.tensors.end() ? nullptr : &found->second;
}

[[noreturn]] void refuse(const std::string& file, const std::string& wanted,
                         const std::string& found) {
  throw Error(file + " holds no multi-layer perceptron", {.wanted = wanted, .found = found});
}

}  // namespace

StoredModel stored_model(const std::string& file, const SafetensorsHeader& header) {
  StoredModel model;
  model.bias = find(header, 0, "bias") != nullptr;
  for (std::size_t layer = 0; const StoredTensor* weight = find(header, layer, "weight"); ++layer) {
    const std::vector<Index>& shape = weight->shape;
    const std::string name = "layers." + std::to_string(layer) + ".weight";
    if (shape.size() != 2) refuse(file, name + " as a matrix [out, in]", shape_text(shape));
    if (layer == 0) model.widths.push_back(shape[1]);
    if (shape[1] != model.widths.back()) {
      refuse(file,
             name + " [out, " + std::to_string(model.widths.back()) +
                 "], as wide as the layer before it",
             shape_text(shape));
    }
    model.widths.push_back(shape[0]);
  }
  if (model.widths.empty()) {
    refuse(file, "layers.0.weight, layers.1.weight and so on",
           header.tensors.empty() ? "no tensor" : in_quotes(header.tensors.begin()->first));
  }
  if (is_checkpoint(header.metadata))
    model.options = checkpoint_info(file, header.metadata).options;
  return model;
}

StoredModel read_stored_model(ProcessGroup& group, const std::string& path) {
  std::optional<File> file;
  const SafetensorsHeader header = read_common_header(group, path, file);
  StoredModel model;
  collectively(group, [&] { model = stored_model(path, header); });
  return model;
}

}  // namespace colonnade
