#include "colonnade/mesh.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string>

namespace colonnade {

namespace {

void check_mesh(MeshShape shape, int world_size) {
  const Index ranks = static_cast<Index>(shape.dp) * shape.tp;
  if (shape.dp >= 1 && shape.tp >= 1 && ranks == world_size) return;
  throw Error("the mesh doesn't have all ranks",
              {.wanted = "dp * tp = " + std::to_string(world_size),
               .found = to_string(shape),
               .hint = "start dp * tp ranks, or give one of the two numbers"});
}

/// Where this rank stands in mesh_order.
int position_in_mesh(ProcessGroup& world, MeshShape shape) {
  check_mesh(shape, world.size());
  std::int64_t first_of_node = world.rank();
  world.split_by_node().broadcast(std::span(&first_of_node, 1), 0);
  std::vector<int> node;
  for (const std::int64_t first : world.all_gather(first_of_node))
    node.push_back(static_cast<int>(first));
  const std::vector<int> order = mesh_order(node);
  return static_cast<int>(std::find(order.begin(), order.end(), world.rank()) - order.begin());
}

}  // namespace

std::string to_string(MeshShape shape) {
  return "dp=" + std::to_string(shape.dp) + ",tp=" + std::to_string(shape.tp);
}

MeshShape parse_mesh(std::string_view text, int world_size) {
  const auto refuse = [&](const std::string& hint) {
    throw Error("cannot read the mesh", {.wanted = "dp=N,tp=N, one of the two, or nothing",
                                         .found = "'" + std::string(text) + "'",
                                         .hint = hint});
  };
  int dp = 0, tp = 0;  // 0: not given
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    if (comma == rest.size() - 1) refuse("something must follow the comma");
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    if (!item.starts_with("dp=") && !item.starts_with("tp=")) refuse("the keys are dp and tp");
    int& size = item.starts_with("dp=") ? dp : tp;
    if (size != 0) refuse("each key stands once");
    const char* const end = item.data() + item.size();
    const auto [stop, error] = std::from_chars(item.data() + 3, end, size);
    if (error != std::errc() || stop != end || size < 1)
      refuse("a size is a number from 1 to " + std::to_string(world_size));
  }
  const auto the_rest = [&](const char* key, int size) {
    if (world_size % size != 0) {
      throw Error(
          "the ranks cannot be cut into this mesh",
          {.wanted = std::string(key) + " that divides " + std::to_string(world_size) + " ranks",
           .found = std::to_string(size)});
    }
    return world_size / size;
  };
  if (tp == 0 && dp == 0) dp = 1;
  if (tp == 0) tp = the_rest("dp", dp);
  if (dp == 0) dp = the_rest("tp", tp);
  check_mesh({dp, tp}, world_size);
  return {dp, tp};
}

std::vector<int> mesh_order(const std::vector<int>& node) {
  std::vector<int> order(node.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return node[static_cast<std::size_t>(a)] < node[static_cast<std::size_t>(b)];
  });
  return order;
}

Mesh::Mesh(ProcessGroup& world, MeshShape shape)
    : Mesh(world, shape, position_in_mesh(world, shape)) {}

Mesh::Mesh(ProcessGroup& world, MeshShape shape, int position)
    : world_(&world),
      shape_(shape),
      tp_(world.split(position / shape.tp, position, "tp")),
      dp_(world.split(position % shape.tp, position, "dp")) {}

}  // namespace colonnade
