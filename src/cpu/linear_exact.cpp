// Exact products, all of one kind: the inner dimension is cut into leaves, the logical shards that
// a sum runs over or just one; each leaf's product is a chain in order, and the leaves are added
// along the tree. All operands are copied into panels; then threads take tiles of the output.
// Neither the size of a tile nor who computes it can be told from the result.
#include <vector>

#include "colonnade/tree_sum.hpp"
#include "cpu/panels.hpp"
#include "matmul.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

// What the innermost loops read again and again stays in the first two caches: a block of a tile's
// rows and the tile's sums in the second, a block of a panel of columns in the first.
constexpr Index tile_rows = 8 * panel_rows;
constexpr Index tile_cols = 16 * panel_cols;
constexpr Index inner_block = 256;
constexpr Index tile_size = tile_rows * tile_cols;

/// Columns are packed in groups of about as many elements, so that the panels of a large weight
/// need little memory.
constexpr Index packed_at_once = 2 * 1024 * 1024;

/// Below this many multiplications the start of a parallel region costs more than it saves.
constexpr Index parallel_products = 256 * 1024;

constexpr Index parts_of(Index size, Index part) {
  return (size + part - 1) / part;
}

/// One leaf's product, and how many sums of the stack it completes.
struct Step {
  Range inner;
  Index joins;
};

/// The tree as the steps that lead to its sum, in memory kept from call to call.
std::span<const Step> tree_steps(std::span<const Range> leaves) {
  static thread_local std::vector<Step> kept;
  kept.clear();
  sum_along_tree(
      static_cast<Index>(leaves.size()),
      [&](Index leaf) {
        kept.push_back({leaves[static_cast<std::size_t>(leaf)], 0});
      },
      [&] { ++kept.back().joins; });
  return kept;
}

/// Memory at a 64-byte boundary that a thread keeps from call to call: a training step allocates
/// nothing after the first.
Scalar* reserve(Tensor& kept, Index size) {
  if (kept.size() < size) {
    kept = Tensor();  // first, so that the two are not held at once
    kept = Tensor(size, 1);
  }
  return kept.data();
}

/// A tile of the output, its first row and column counted in panels of `rows` and `cols`.
struct Tile {
  const Scalar* row_panels;
  const Scalar* col_panels;
  Index rows;
  Index cols;
};

/// The sum of all leaves' products, at `stack`, whose columns are tile_rows apart.
void compute_tile(const Tile& tile, Index inner, std::span<const Step> steps, Scalar* stack) {
  Scalar* top = stack;
  for (const Step& step : steps) {
    Index begin = step.inner.begin;
    do {  // also once for an empty leaf, whose product is zero
      const Index end = std::min(step.inner.end, begin + inner_block);
      const bool last = end == step.inner.end;
      for (Index j = 0; j < tile.cols; j += panel_cols) {
        for (Index i = 0; i < tile.rows; i += panel_rows) {
          multiply_panels(tile.row_panels + i * inner + begin * panel_rows,
                          tile.col_panels + j * inner + begin * panel_cols, end - begin,
                          {.top = top + j * tile_rows + i,
                           .stride = tile_rows,
                           .tile = tile_size,
                           .resume = begin > step.inner.begin,
                           .joins = last ? step.joins : 0});
        }
      }
      begin = end;
    } while (begin < step.inner.end);
    top += (1 - step.joins) * tile_size;
  }
}

void store_tile(const Scalar* tile, Range rows, Range cols, Store store, MatrixView out) {
  for (Index j = cols.begin; j < cols.end; ++j) {
    const Scalar* const from = tile + (j - cols.begin) * tile_rows;
    Scalar* const to = out.data + j * out.rows + rows.begin;
    if (store == Store::assign) {
      std::copy_n(from, rows.size(), to);
    } else {
      for (Index i = 0; i < rows.size(); ++i) to[i] += from[i];
    }
  }
}

}  // namespace

void multiply_exactly(const Factor& a, const Factor& b, std::span<const Range> leaves, Store store,
                      MatrixView out) {
  const Index inner = a.cols;
  const std::span<const Step> steps = tree_steps(leaves);
  const Index stack_size = tree_stack_height(static_cast<Index>(leaves.size())) * tile_size;
  const Index tiles_down = parts_of(out.rows, tile_rows);
  const Index group = std::max<Index>(1, packed_at_once / (tile_cols * std::max<Index>(1, inner)));
  const Index group_cols = std::min(group, parts_of(out.cols, tile_cols)) * tile_cols;
  static thread_local Tensor kept_panels;
  Scalar* const row_panels =
      reserve(kept_panels, (parts_of(out.rows, panel_rows) * panel_rows + group_cols) * inner);
  Scalar* const col_panels = row_panels + parts_of(out.rows, panel_rows) * panel_rows * inner;
#pragma omp parallel if (out.size() * inner >= parallel_products)
  {
    static thread_local Tensor kept_stack;
    Scalar* const stack = reserve(kept_stack, stack_size);
#pragma omp for schedule(static) nowait
    for (Index row = 0; row < out.rows; row += packed_together) {
      pack_rows(a, {row, std::min(out.rows, row + packed_together)}, row_panels + row * inner);
    }
    for (Index first = 0; first < out.cols; first += group_cols) {
      const Index end = std::min(out.cols, first + group_cols);
#pragma omp for schedule(static)
      for (Index col = first; col < end; col += packed_together) {
        pack_cols(b, {col, std::min(end, col + packed_together)},
                  col_panels + (col - first) * inner);
      }
#pragma omp for schedule(dynamic)
      for (Index i = 0; i < tiles_down * parts_of(end - first, tile_cols); ++i) {
        const Index row = i % tiles_down * tile_rows;
        const Index col = first + i / tiles_down * tile_cols;
        const Range rows = {row, std::min(out.rows, row + tile_rows)};
        const Range cols = {col, std::min(end, col + tile_cols)};
        compute_tile({row_panels + row * inner, col_panels + (col - first) * inner, rows.size(),
                      cols.size()},
                     inner, steps, stack);
        store_tile(stack, rows, cols, store, out);
      }
    }
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
