// Tensor and data parallelism together: dp * tp ranks as a mesh of dp rows, the tensor-parallel
// groups, and tp columns, the data-parallel groups.
//
//                 tp_rank 0   1   2   3
//   dp_rank 0             0   1   2   3      one copy of the model, cut among a row
//   dp_rank 1             4   5   6   7      another copy, which sees other samples
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "colonnade/process_group.hpp"

namespace colonnade {

struct MeshShape {
  int dp = 1;  // copies of the model
  int tp = 1;  // ranks that share one copy
  bool operator==(const MeshShape&) const = default;
};

/// "dp=2,tp=4", as parse_mesh reads it.
std::string to_string(MeshShape shape);

/// "dp=2,tp=4" in either order; "tp=4" or "dp=2", where the other is what the ranks leave; "" for
/// tensor parallelism alone. Throws for anything else, and unless the mesh has all ranks.
MeshShape parse_mesh(std::string_view text, int world_size);

/// The world's ranks in the order in which they fill a mesh row by row: by node, and by rank within
/// one. So a tensor-parallel group, which talks most, has its ranks on one node where its size lets
/// it, even if the launcher dealt the ranks out in turn. `node[r]` is rank r's node, whose number
/// is that of its smallest rank.
std::vector<int> mesh_order(const std::vector<int>& node);

/// This rank's row and column of the mesh. The world must outlive it. Collective.
class Mesh {
 public:
  /// Throws the same on every rank, before it communicates, unless the shape has all of the world.
  Mesh(ProcessGroup& world, MeshShape shape);

  Mesh(const Mesh&) = delete;  // models hold its groups
  Mesh& operator=(const Mesh&) = delete;

  MeshShape shape() const { return shape_; }
  ProcessGroup& world() { return *world_; }
  /// The ranks that share this rank's copy of the model; rank() is tp_rank.
  ProcessGroup& tp() { return tp_; }
  /// The ranks that hold this rank's part of the other copies; rank() is dp_rank.
  ProcessGroup& dp() { return dp_; }

 private:
  Mesh(ProcessGroup& world, MeshShape shape, int position);

  ProcessGroup* world_;
  MeshShape shape_;
  ProcessGroup tp_;
  ProcessGroup dp_;
};

}  // namespace colonnade
