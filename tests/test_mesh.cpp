// The mesh: what its text means, in which order ranks fill it, and that its groups are rows and
// columns.
#include "colonnade/mesh.hpp"

#include <numeric>

#include "colonnade/spawn.hpp"
#include "harness.hpp"

using colonnade::Mesh;
using colonnade::mesh_order;
using colonnade::MeshShape;
using colonnade::parse_mesh;
using colonnade::ProcessGroup;
using harness::error_of;

namespace {

void check_rows_and_columns(ProcessGroup& world, MeshShape shape) {
  Mesh mesh(world, shape);
  CHECK(&mesh.world() == &world);
  CHECK(mesh.shape() == shape);
  CHECK(mesh.tp().size() == shape.tp);
  CHECK(mesh.dp().size() == shape.dp);
  // On one node mesh order is rank order.
  CHECK(mesh.tp().rank() == world.rank() % shape.tp);
  CHECK(mesh.dp().rank() == world.rank() / shape.tp);
  const std::int64_t rank = world.rank();
  const std::vector<std::int64_t> row = mesh.tp().all_gather(rank);
  for (std::size_t i = 0; i < row.size(); ++i)
    CHECK(row[i] == mesh.dp().rank() * shape.tp + static_cast<int>(i));
  const std::vector<std::int64_t> column = mesh.dp().all_gather(rank);
  for (std::size_t i = 0; i < column.size(); ++i)
    CHECK(column[i] == static_cast<int>(i) * shape.tp + mesh.tp().rank());
  // A sum over rows and then columns is one over all.
  CHECK(mesh.dp().all_reduce(mesh.tp().all_reduce<std::int64_t>(1)) == world.size());
}

}  // namespace

TEST_CASE("a mesh's text names one size, both or none") {
  CHECK(parse_mesh("dp=2,tp=4", 8) == MeshShape{2, 4});
  CHECK(parse_mesh("tp=4,dp=2", 8) == MeshShape{2, 4});
  CHECK(parse_mesh("tp=4", 8) == MeshShape{2, 4});
  CHECK(parse_mesh("dp=8", 8) == MeshShape{8, 1});
  CHECK(parse_mesh("", 6) == MeshShape{1, 6});
  CHECK(parse_mesh("", 1) == MeshShape{1, 1});
}

TEST_CASE("a mesh's text that makes no sense is refused, with what was wanted and found") {
  for (const char* text :
       {"tp", "tp=", "=4", "pp=2", "tp=2,tp=4", "tp=0", "tp=-8", "tp=4x", "tp= 4", "TP=4", "tp=4,",
        ",tp=4", ",", "tp=4;dp=2", "tp=99999999999", " "}) {
    CAPTURE(text);
    const std::string error = error_of([&] { parse_mesh(text, 8); });
    CHECK(error.find("cannot read the mesh: wanted dp=N,tp=N") != std::string::npos);
    CHECK(error.find("found '" + std::string(text) + "'") != std::string::npos);
  }
  CHECK(error_of([] { parse_mesh("tp=3", 8); }).find("wanted tp that divides 8 ranks, found 3") !=
        std::string::npos);
  CHECK(error_of([] { parse_mesh("dp=16", 8); }).find("wanted dp that divides 8 ranks, found 16") !=
        std::string::npos);
  CHECK(error_of([] { parse_mesh("dp=2,tp=2", 8); }).find("wanted dp * tp = 8, found dp=2,tp=2") !=
        std::string::npos);
  CHECK(error_of([] { parse_mesh("dp=65536,tp=65536", 8); }).find("wanted dp * tp = 8") !=
        std::string::npos);
}

TEST_CASE("ranks fill a mesh node by node, however they were dealt out") {
  CHECK(mesh_order({0, 0, 0, 0}) == std::vector<int>{0, 1, 2, 3});
  CHECK(mesh_order({0, 1, 0, 1}) == std::vector<int>{0, 2, 1, 3});
  CHECK(mesh_order({0, 1, 2, 1, 0, 0}) == std::vector<int>{0, 4, 5, 1, 3, 2});
}

RANKS_TEST_CASE("rows and columns of each mesh of the ranks", "1-8") {
  for (int tp = 1; tp <= world.size(); ++tp)
    if (world.size() % tp == 0) check_rows_and_columns(world, {world.size() / tp, tp});
}

TEST_CASE("rows and columns of a mesh of threads") {
  for (const MeshShape shape : {MeshShape{2, 4}, MeshShape{4, 2}, MeshShape{1, 6}, MeshShape{5, 1}})
    colonnade::spawn(shape.dp * shape.tp,
                     [&](ProcessGroup& world) { check_rows_and_columns(world, shape); });
}

RANKS_TEST_CASE("a mesh that doesn't have all ranks is refused before a message", "1-8") {
  const int ranks = world.size();
  for (const MeshShape shape :
       {MeshShape{ranks, 2}, MeshShape{1, ranks + 1}, MeshShape{0, ranks}, MeshShape{-1, -ranks}}) {
    CHECK(error_of([&] {
            Mesh(world, shape);
          }).find("the mesh doesn't have all ranks: wanted dp * tp = " + std::to_string(ranks)) !=
          std::string::npos);
  }
  CHECK(world.total_traffic().calls == 0);
}
