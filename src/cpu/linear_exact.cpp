// Each output is cut into tiles whose sizes depend on its own shape only. A tile is one product on
// one thread, for each of its shards: threads take tiles, and who takes which leaves no trace.
#include "cpu/linear_exact.hpp"

#include <omp.h>

#include <utility>

#include "colonnade/tree_sum.hpp"
#include "cpu/block_product.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

// Large enough that a product spends its time multiplying, small enough that the partial sums of a
// tile stay in the second cache and that threads find several tiles.
constexpr Index tile_rows = 256;
constexpr Index tile_cols = 128;

/// Below this many multiplications the start of a parallel region costs more than it saves.
constexpr Index parallel_products = 256 * 1024;

/// The part of an output that is computed by itself.
struct Region {
  Range rows;
  Range cols;
};

Range all(Index size) {
  return {0, size};
}

/// The cut of a region into tiles of nearly one size.
class Tiles {
 public:
  explicit Tiles(const Region& region)
      : region_(region),
        row_parts_((region.rows.size() + tile_rows - 1) / tile_rows),
        col_parts_((region.cols.size() + tile_cols - 1) / tile_cols) {}

  Index count() const { return row_parts_ * col_parts_; }
  Region tile(Index i) const {
    return {part(region_.rows, row_parts_, i % row_parts_),
            part(region_.cols, col_parts_, i / row_parts_)};
  }

 private:
  static Range part(Range whole, Index parts, Index i) {
    const Range range = shard_range(whole.size(), parts, i);
    return {whole.begin + range.begin, whole.begin + range.end};
  }

  Region region_;
  Index row_parts_;
  Index col_parts_;
};

/// Memory for `tiles` tiles, each at a 64-byte boundary. Each thread keeps its own from call to
/// call, so that a training step allocates nothing after the first.
Scalar* scratch_tiles(Index tiles) {
  static thread_local Tensor kept;
  if (kept.cols() < tiles) kept = Tensor(tile_rows * tile_cols, tiles);
  return kept.data();
}

MatrixView tile_view(Scalar* scratch, const Region& tile) {
  return {scratch, tile.rows.size(), tile.cols.size()};
}

/// Runs `work` on all threads of a team whose members each see one thread, so that no product
/// starts threads of its own, whatever the size of the team.
template <class Work>
void on_threads(Index multiplications, Work&& work) {
#pragma omp parallel if (multiplications >= parallel_products)
  {
    omp_set_num_threads(1);  // in this region's task, and gone with it
    work();
  }
}

template <class Store>
void store_tile(ConstMatrixView tile, const Region& to, MatrixView out, Store&& store) {
  for (Index j = 0; j < tile.cols; ++j) {
    const Scalar* const from = tile.data + j * tile.rows;
    Scalar* const column = out.data + (to.cols.begin + j) * out.rows + to.rows.begin;
    for (Index i = 0; i < tile.rows; ++i) store(column[i], from[i]);
  }
}

void assign(Scalar& to, Scalar from) {
  to = from;
}
void add(Scalar& to, Scalar from) {
  to += from;
}

/// Each shard has a region of the output to itself: out[region(s)] = a b. factors(rows, inner,
/// cols) gives a and b for a part of the output.
template <class Factors, class RegionOf, class Store>
void separate_products(std::span<const Range> shards, Index inner, MatrixView out,
                       Factors&& factors, RegionOf&& region_of, Store&& store) {
  on_threads(out.size() * inner, [&] {
    Scalar* const scratch = scratch_tiles(1);
    for (const Range& shard : shards) {
      const Tiles tiles(region_of(shard));
#pragma omp for schedule(dynamic) nowait
      for (Index i = 0; i < tiles.count(); ++i) {
        const Region tile = tiles.tile(i);
        const MatrixView product = tile_view(scratch, tile);
        const auto [a, b] = factors(tile.rows, all(inner), tile.cols);
        block_product(a, b, product);
        store_tile(product, tile, out, store);
      }
    }
  });
}

/// Each shard is a part of the inner dimension: out = sum of the a b of the shards, along the tree.
template <class Factors>
void summed_products(std::span<const Range> shards, Index inner, MatrixView out,
                     Factors&& factors) {
  const Index count = static_cast<Index>(shards.size());
  const Tiles tiles({all(out.rows), all(out.cols)});
  on_threads(out.size() * inner, [&] {
    Scalar* const scratch = scratch_tiles(tree_stack_height(count));
#pragma omp for schedule(dynamic) nowait
    for (Index i = 0; i < tiles.count(); ++i) {
      const Region tile = tiles.tile(i);
      Scalar* top = scratch;
      sum_along_tree(
          count,
          [&](Index shard) {
            const auto [a, b] =
                factors(tile.rows, shards[static_cast<std::size_t>(shard)], tile.cols);
            block_product(a, b, tile_view(top, tile));
            top += tile_rows * tile_cols;
          },
          [&] {
            top -= tile_rows * tile_cols;
            const Index size = tile.rows.size() * tile.cols.size();
            array(top - tile_rows * tile_cols, size) += array(top, size);
          });
      store_tile(tile_view(scratch, tile), tile, out, assign);
    }
  });
}

}  // namespace

void exact_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z, const WeightShards& shards) {
  const auto factors = [=](Range rows, Range inner, Range cols) {
    return std::pair{block(x, rows, inner), block(w, inner, cols)};
  };
  if (shards.axis == WeightShards::Axis::inputs) {
    summed_products(shards.ranges, x.cols, z, factors);
    return;
  }
  separate_products(
      shards.ranges, x.cols, z, factors,
      [=](Range shard) {
        return Region{all(z.rows), shard};
      },
      assign);
}

void exact_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                          const WeightShards& shards) {
  const auto factors = [=](Range rows, Range inner, Range cols) {
    return std::pair{block(dz, rows, inner), transposed(block(w, cols, inner))};
  };
  if (shards.axis == WeightShards::Axis::outputs) {
    summed_products(shards.ranges, dz.cols, dx, factors);
    return;
  }
  separate_products(
      shards.ranges, dz.cols, dx, factors,
      [=](Range shard) {
        return Region{all(dx.rows), shard};
      },
      assign);
}

void exact_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw,
                           const WeightShards& shards) {
  const auto factors = [=](Range rows, Range inner, Range cols) {
    return std::pair{transposed(block(x, inner, rows)), block(dz, inner, cols)};
  };
  // The product is complete before it is added: zero, then one batch's product, then another's, is
  // the tree of the two.
  separate_products(
      shards.ranges, x.rows, dw, factors,
      [=](Range shard) {
        return shards.axis == WeightShards::Axis::outputs ? Region{all(dw.rows), shard}
                                                          : Region{shard, all(dw.cols)};
      },
      add);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
