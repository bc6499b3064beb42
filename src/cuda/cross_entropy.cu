// Softmax cross-entropy. A row lies across the columns: adjacent threads take adjacent rows, and a
// block walks some columns of a shard with several threads for each row. A row has sums of its own,
// in an order that the shards alone decide.
#include <algorithm>
#include <cmath>
#include <limits>

#include "colonnade/ops.hpp"
#include "cuda/gpu.hpp"
#include "cuda/scratch.hpp"
#include "cuda/sums.hpp"
#include "cuda/tree.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr int block_rows = 32;
constexpr int block_lanes = 8;  // of a row: each takes every eighth column
constexpr int block_columns = 64;

constexpr Scalar none = -std::numeric_limits<Scalar>::infinity();

constexpr Index parts_of(Index size, Index part) {
  return (size + part - 1) / part;
}

/// How blocks cover the rows, the leaves of a tree of column ranges, and each leaf's columns.
struct Cover {
  gpu::Tree tree;
  Index rows;
  Index groups;  // of rows
  Index pieces;  // of each leaf's columns

  Cover(const gpu::Tree& leaves, Index n)
      : tree(leaves),
        rows(n),
        groups(parts_of(n, block_rows)),
        pieces(std::max<Index>(1, parts_of(leaves.longest, block_columns))) {}

  gpu::Grid grid() const {
    return {.blocks = static_cast<unsigned>(groups * pieces * tree.leaves),
            .threads = block_rows * block_lanes};
  }
  gpu::Grid grid_of_rows() const { return gpu::grid_for(rows); }
};

/// What a thread of such a block does.
struct Place {
  Index row;  // may be beyond the last
  Index first_column;
  Index end_column;
  int lane;
  Index part;  // number of the piece, among all leaves'
};

__device__ Place place_in(const Cover& cover) {
  const Index part = blockIdx.x / cover.groups;
  const gpu::TreeStep leaf = cover.tree.steps[part / cover.pieces];
  const Index first = leaf.begin + part % cover.pieces * block_columns;
  const Index end = first + block_columns < leaf.end ? first + block_columns : leaf.end;
  const int lane = static_cast<int>(threadIdx.x) / block_rows;
  return {blockIdx.x % cover.groups * block_rows + threadIdx.x % block_rows, first + lane, end,
          lane, part};
}

/// The three sums of a row.
struct RowSums {
  double exp, target, logit;
};
__device__ RowSums operator+(const RowSums& a, const RowSums& b) {
  return {a.exp + b.exp, a.target + b.target, a.logit + b.logit};
}

/// largest [n, parts]: of each row's logits in each part. A NaN is passed over; it shows in the
/// sums.
__global__ void largest_of_parts(Cover cover, const Scalar* l, double* largest) {
  __shared__ Scalar of_lanes[block_lanes][block_rows];
  const Place at = place_in(cover);
  Scalar row = none;
  for (Index c = at.first_column; at.row < cover.rows && c < at.end_column; c += block_lanes) {
    const Scalar logit = l[c * cover.rows + at.row];
    row = logit > row ? logit : row;
  }
  of_lanes[at.lane][threadIdx.x % block_rows] = row;
  __syncthreads();
  if (at.lane > 0 || at.row >= cover.rows) return;
  for (int lane = 1; lane < block_lanes; ++lane) {
    const Scalar other = of_lanes[lane][threadIdx.x];
    row = other > row ? other : row;
  }
  largest[at.part * cover.rows + at.row] = row;
}

__global__ void largest_of_rows(Cover cover, const double* of_parts, double* largest) {
  const Index row = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (row >= cover.rows) return;
  double result = of_parts[row];
  for (Index part = 1; part < cover.pieces * cover.tree.leaves; ++part) {
    const double other = of_parts[part * cover.rows + row];
    result = other > result ? other : result;
  }
  largest[row] = result;
}

/// l becomes exp(l - largest); sums [n, parts].
__global__ void exponentiate(Cover cover, Scalar* l, const Scalar* t, const double* largest,
                             RowSums* sums) {
  __shared__ RowSums of_lanes[block_lanes][block_rows];
  const Place at = place_in(cover);
  RowSums row = {0, 0, 0};
  const bool inside = at.row < cover.rows;
  const Scalar top = inside ? static_cast<Scalar>(largest[at.row]) : Scalar{0};
  for (Index c = at.first_column; inside && c < at.end_column; c += block_lanes) {
    const Index i = c * cover.rows + at.row;
    const Scalar d = l[i] - top;
    const Scalar e = std::exp(d);
    l[i] = e;
    row = row + RowSums{e, static_cast<double>(t[i]) * static_cast<double>(d), d};
  }
  of_lanes[at.lane][threadIdx.x % block_rows] = row;
  __syncthreads();
  if (at.lane > 0 || !inside) return;
  for (int lane = 1; lane < block_lanes; ++lane) row = row + of_lanes[lane][threadIdx.x];
  sums[at.part * cover.rows + at.row] = row;
}

/// The parts of each leaf one after the other, the leaves along the tree: sums [3 n].
__global__ void sum_rows(Cover cover, const RowSums* of_parts, double* sums) {
  const Index row = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (row >= cover.rows) return;
  const RowSums* next = of_parts + row;
  const RowSums result =
      gpu::add_along_tree<gpu::high_tree, RowSums>(cover.tree, [&](const gpu::TreeStep&) {
        RowSums sum = *next;
        for (Index piece = 1; piece < cover.pieces; ++piece) sum = sum + next[piece * cover.rows];
        next += cover.pieces * cover.rows;
        return sum;
      });
  sums[row] = result.exp;
  sums[cover.rows + row] = result.target;
  sums[2 * cover.rows + row] = result.logit;
}

/// What each row adds to the loss.
struct RowLosses {
  const double* sums;
  double of_target;
  double of_all;

  __host__ __device__ Index count(const gpu::TreeStep& rows) const { return rows.end; }
  __device__ double term(const gpu::TreeStep& rows, Index i) const {
    const Index n = rows.end;
    return std::log(sums[i]) - of_target * sums[n + i] - of_all * sums[2 * n + i];
  }
};

/// The numbers of cross_entropy_backward that are the same for all elements.
struct Factors {
  double scale;
  Scalar of_target;
  Scalar of_all;
};

__global__ void backward(Cover cover, const Scalar* e, const Scalar* t, const double* exp_sums,
                         Factors factors, Scalar* dl) {
  const Place at = place_in(cover);
  if (at.row >= cover.rows) return;
  const auto of_exp = static_cast<Scalar>(factors.scale / exp_sums[at.row]);
  for (Index c = at.first_column; c < at.end_column; c += block_lanes) {
    const Index i = c * cover.rows + at.row;
    dl[i] = of_exp * e[i] - factors.of_target * t[i] - factors.of_all;
  }
}

Cover cover_of(ConstMatrixView matrix, std::span<const Range> shards = {}) {
  const Range whole[] = {{0, matrix.cols}};
  return {gpu::tree_of(shards.empty() ? whole : shards), matrix.rows};
}

template <class Number>
Number* scratch_of(const Cover& cover) {
  static thread_local gpu::Scratch scratch;
  return scratch.reserve<Number>(cover.rows * cover.pieces * cover.tree.leaves);
}

}  // namespace

void row_largest(ConstMatrixView l, std::span<double> largest) {
  check_row_largest(l, largest);
  const Cover cover = cover_of(l);
  double* const of_parts = scratch_of<double>(cover);
  gpu::launch("row_largest", largest_of_parts, cover.grid(), cover, l.data, of_parts);
  gpu::launch("row_largest", largest_of_rows, cover.grid_of_rows(), cover, of_parts,
              largest.data());
}

void cross_entropy_forward(MatrixView l, ConstMatrixView t, std::span<const double> largest,
                           std::span<double> sums, std::span<const Range> shards) {
  check_cross_entropy_forward(l, t, largest, sums, shards);
  const Cover cover = cover_of(l, shards);
  RowSums* const of_parts = scratch_of<RowSums>(cover);
  gpu::launch("cross_entropy_forward", exponentiate, cover.grid(), cover, l.data, t.data,
              largest.data(), of_parts);
  gpu::launch("cross_entropy_forward", sum_rows, cover.grid_of_rows(), cover, of_parts,
              sums.data());
}

void cross_entropy_loss(std::span<const double> sums, double smoothing, Index classes,
                        std::span<double> loss) {
  const Range rows[] = {{0, static_cast<Index>(sums.size() / 3)}};
  gpu::sum_terms("cross_entropy_loss",
                 RowLosses{sums.data(), 1 - smoothing, smoothing / static_cast<double>(classes)},
                 gpu::tree_of(rows), loss.data());
}

void cross_entropy_backward(ConstMatrixView e, ConstMatrixView t, std::span<const double> exp_sums,
                            double smoothing, Index classes, double scale, MatrixView dl) {
  check_cross_entropy_backward(e, t, exp_sums, dl);
  const Cover cover = cover_of(e);
  const Factors factors = {
      .scale = scale,
      .of_target = static_cast<Scalar>(scale * (1 - smoothing)),
      .of_all = static_cast<Scalar>(scale * smoothing / static_cast<double>(classes))};
  gpu::launch("cross_entropy_backward", backward, cover.grid(), cover, e.data, t.data,
              exp_sums.data(), factors, dl.data);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
