// Exact products, all of one kind: the inner dimension is cut into leaves, the logical shards that
// a sum runs over or just one; each leaf's product is one chain of fused multiply-adds in order,
// and the leaves are added along the tree. A block computes a square tile of the output, a thread
// a few of its elements. No library promises an order.
#include <cmath>

#include "cuda/gpu.hpp"
#include "cuda/tree.hpp"
#include "matmul.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr int tile = 64;
constexpr int side = 16;          // a block's threads are side by side, too
constexpr int own = tile / side;  // elements of a thread in each direction
constexpr int depth = 16;         // of the inner dimension, kept in shared memory
constexpr int threads = side * side;

/// The rows of the left operand or the columns of the right one.
struct Lanes {
  const Scalar* data;
  Index count;
  Index stride;  // from lane to lane
  Index step;    // along a lane
};
Lanes rows_of(const Factor& a) {
  return {a.data, a.rows, a.row_step(), a.col_step()};
}
Lanes cols_of(const Factor& b) {
  return {b.data, b.cols, b.col_step(), b.row_step()};
}

/// Row thread % side + i side and column thread / side + j side of the tile for each i, j.
struct Sums {
  Scalar at[own][own];
};
__device__ Sums operator+(const Sums& a, const Sums& b) {
  Sums sum;
  for (int i = 0; i < own; ++i) {
    for (int j = 0; j < own; ++j) sum.at[i][j] = a.at[i][j] + b.at[i][j];
  }
  return sum;
}

/// `part` of the inner dimension of the tile's lanes; adjacent threads read adjacent numbers. One
/// column more than is used spreads what they write over the banks.
__device__ void fetch(const Lanes& lanes, Index first, Range part, Scalar (&to)[depth][tile + 1]) {
  for (int i = static_cast<int>(threadIdx.x); i < tile * depth; i += threads) {
    const bool along = lanes.stride != 1;
    const int lane = along ? i / depth : i % tile, inner = along ? i % depth : i / tile;
    const bool inside = first + lane < lanes.count && part.begin + inner < part.end;
    to[inner][lane] =
        inside ? lanes.data[(first + lane) * lanes.stride + (part.begin + inner) * lanes.step]
               : Scalar{0};
  }
}

/// sums = a b + sums over `count` of the inner dimension, in order.
__device__ void multiply(const Scalar (&a)[depth][tile + 1], const Scalar (&b)[depth][tile + 1],
                         int count, Sums& sums) {
  const int row = static_cast<int>(threadIdx.x) % side, col = static_cast<int>(threadIdx.x) / side;
  for (int inner = 0; inner < count; ++inner) {
    Scalar left[own], right[own];
    for (int i = 0; i < own; ++i) left[i] = a[inner][row + i * side];
    for (int j = 0; j < own; ++j) right[j] = b[inner][col + j * side];
    for (int i = 0; i < own; ++i) {
      for (int j = 0; j < own; ++j) sums.at[i][j] = std::fma(left[i], right[j], sums.at[i][j]);
    }
  }
}

/// out [rows, cols] = a b, or out += a b once the product is complete. `height` is the tree's at
/// least.
template <int height>
__global__ void __launch_bounds__(threads)
    multiply_tiles(Lanes a, Lanes b, gpu::Tree leaves, Store store, Scalar* out) {
  __shared__ Scalar a_part[depth][tile + 1];
  __shared__ Scalar b_part[depth][tile + 1];
  const Index first_row = Index{blockIdx.x} * tile, first_col = Index{blockIdx.y} * tile;
  const Sums sums = gpu::add_along_tree<height, Sums>(leaves, [&](const gpu::TreeStep& leaf) {
    Sums product = {};
    for (Index begin = leaf.begin; begin < leaf.end; begin += depth) {
      const Range part = {begin, begin + depth < leaf.end ? begin + depth : leaf.end};
      __syncthreads();  // whoever still reads the part before
      fetch(a, first_row, part, a_part);
      fetch(b, first_col, part, b_part);
      __syncthreads();
      multiply(a_part, b_part, static_cast<int>(part.end - part.begin), product);
    }
    return product;
  });
  const Index row = first_row + threadIdx.x % side, col = first_col + threadIdx.x / side;
  for (int i = 0; i < own; ++i) {
    for (int j = 0; j < own; ++j) {
      if (row + i * side >= a.count || col + j * side >= b.count) continue;
      Scalar& to = out[(col + j * side) * a.count + row + i * side];
      to = store == Store::assign ? sums.at[i][j] : to + sums.at[i][j];
    }
  }
}

}  // namespace

void multiply_exactly(const Factor& a, const Factor& b, std::span<const Range> leaves, Store store,
                      MatrixView out) {
  const gpu::Tree tree = gpu::tree_of(leaves);
  const auto tiles = [](Index size) { return static_cast<unsigned>((size + tile - 1) / tile); };
  const gpu::Grid grid = {.blocks = {tiles(out.rows), tiles(out.cols)}, .threads = threads};
  gpu::launch("exact product",
              tree.height() <= gpu::low_tree ? multiply_tiles<gpu::low_tree>
                                             : multiply_tiles<gpu::high_tree>,
              grid, rows_of(a), cols_of(b), tree, store, out.data);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
