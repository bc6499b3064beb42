#include "colonnade/stored_model.hpp"

#include "colonnade/model_file.hpp"
#include "harness.hpp"

using namespace colonnade;

namespace {

SafetensorsHeader header_of(std::map<std::string, StoredTensor> tensors) {
  return {.tensors = std::move(tensors), .metadata = {}, .checksum = 0};
}
StoredTensor matrix(std::vector<Index> shape) {
  return {.dtype = "F32", .shape = std::move(shape), .bytes = {}};
}
std::string refusal_of(std::map<std::string, StoredTensor> tensors) {
  return harness::error_of([&] { stored_model("x.safetensors", header_of(std::move(tensors))); });
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

RANKS_TEST_CASE("a saved model says its widths, and whether it has biases", "1-3") {
  const auto path = harness::temporary_folder(world) / "x.safetensors";
  for (const bool bias : {true, false}) {
    Mesh mesh(world, {1, world.size()});
    const Mlp model(mesh.tp(), {.widths = {5, 12, 7, 3}, .bias = bias});
    save_parameters(mesh, model, path);
    const StoredModel stored = read_stored_model(world, path);
    CHECK(stored.widths == std::vector<Index>{5, 12, 7, 3});
    CHECK(stored.bias == bias);
    CHECK(stored.options.empty());
  }
}

TEST_CASE("more than ten layers are in order") {
  std::map<std::string, StoredTensor> tensors;
  for (Index i = 0; i < 12; ++i)
    tensors["layers." + std::to_string(i) + ".weight"] = matrix({i + 2, i + 1});
  const StoredModel stored = stored_model("x", header_of(tensors));
  CHECK(stored.widths == std::vector<Index>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
}

TEST_CASE("what is no chain of layers is refused by name") {
  CHECK(has(refusal_of({}), "x.safetensors holds no multi-layer perceptron"));
  CHECK(has(refusal_of({{"embedding", matrix({3, 4})}}), "found 'embedding'"));
  CHECK(has(refusal_of({{"layers.0.weight", matrix({3})}}), "found [3]"));
  CHECK(has(refusal_of({{"layers.0.weight", matrix({3, 4})}, {"layers.1.weight", matrix({3, 4})}}),
            "wanted layers.1.weight [out, 3], as wide as the layer before it, found [3, 4]"));
}
