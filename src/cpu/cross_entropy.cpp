// Softmax cross-entropy. Sums run along rows, which lie across columns: a few rows at a time are
// walked from column to column, all in one vector register after the other. A row has sums of its
// own, so that threads and the places where rows are cut leave no trace.
#include <array>
#include <cmath>
#include <limits>

#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "cpu/eigen.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr Index rows_at_once = 64;

using Rows = Eigen::Array<Scalar, rows_at_once, 1>;
using RowSums = Eigen::Array<double, rows_at_once, 1>;

/// The three sums of some rows.
struct Sums {
  RowSums exp, target, logit;

  void operator+=(const Sums& other) {
    exp += other.exp;
    target += other.target;
    logit += other.logit;
  }
};

/// `count` rows of a column and zeros after them: Eigen's vector code for all rows.
Rows load_rows(const Scalar* from, Index count) {
  Rows rows;
  std::copy(from, from + count, rows.data());
  std::fill(rows.data() + count, rows.data() + rows_at_once, Scalar{0});
  return rows;
}

/// Calls work(first row, count) for all rows, a few at a time, on all threads if it is worth it.
template <class Work>
void for_each_rows(ConstMatrixView shape, Work&& work) {
#pragma omp parallel for schedule(static) if (shape.size() >= parallel_threshold)
  for (Index row = 0; row < shape.rows; row += rows_at_once) {
    work(row, std::min(rows_at_once, shape.rows - row));
  }
}

/// l becomes exp(l - largest) in some rows of some columns, whose sums are returned.
Sums exponentiate(MatrixView l, ConstMatrixView t, Index first, Index count, Range columns,
                  const Rows& largest) {
  Sums sums{RowSums::Zero(), RowSums::Zero(), RowSums::Zero()};
  for (Index column = columns.begin; column < columns.end; ++column) {
    Scalar* const logits = l.data + column * l.rows + first;
    const Rows d = load_rows(logits, count) - largest;
    const Rows e = d.exp();
    std::copy(e.data(), e.data() + count, logits);
    const RowSums wide = d.template cast<double>();
    sums.exp += e.template cast<double>();
    sums.target +=
        load_rows(t.data + column * t.rows + first, count).template cast<double>() * wide;
    sums.logit += wide;
  }
  return sums;
}

/// The sums of some rows over all shards, of which there may be 2^24 - 1.
Sums along_tree(std::span<const Range> shards, const auto& sums_of) {
  std::array<Sums, 24> stack;
  std::size_t height = 0;
  sum_along_tree(
      static_cast<Index>(shards.size()),
      [&](Index shard) { stack[height++] = sums_of(shards[static_cast<std::size_t>(shard)]); },
      [&] {
        --height;
        stack[height - 1] += stack[height];
      });
  return stack[0];
}

}  // namespace

void row_largest(ConstMatrixView l, std::span<double> largest) {
  check_row_largest(l, largest);
  for_each_rows(l, [=](Index first, Index count) {
    std::array<Scalar, rows_at_once> rows;
    rows.fill(-std::numeric_limits<Scalar>::infinity());
    for (Index column = 0; column < l.cols; ++column) {
      const Scalar* const logits = l.data + column * l.rows + first;
      for (Index i = 0; i < count; ++i) {
        Scalar& row = rows[static_cast<std::size_t>(i)];
        row = logits[i] > row ? logits[i] : row;
      }
    }
    std::copy(rows.data(), rows.data() + count, largest.data() + first);
  });
}

void cross_entropy_forward(MatrixView l, ConstMatrixView t, std::span<const double> largest,
                           std::span<double> sums, std::span<const Range> shards) {
  check_cross_entropy_forward(l, t, largest, sums, shards);
  for_each_rows(l, [=](Index first, Index count) {
    Rows row_largest = Rows::Zero();
    for (Index i = 0; i < count; ++i) {
      row_largest[i] = static_cast<Scalar>(largest[static_cast<std::size_t>(first + i)]);
    }
    const Range all[] = {{0, l.cols}};
    const Sums result = along_tree(shards.empty() ? all : shards, [&](Range columns) {
      return exponentiate(l, t, first, count, columns, row_largest);
    });
    double* const to = sums.data() + first;
    std::copy(result.exp.data(), result.exp.data() + count, to);
    std::copy(result.target.data(), result.target.data() + count, to + l.rows);
    std::copy(result.logit.data(), result.logit.data() + count, to + 2 * l.rows);
  });
}

void cross_entropy_loss(std::span<const double> sums, double smoothing, Index classes,
                        std::span<double> result) {
  const std::size_t n = sums.size() / 3;
  const double of_all = smoothing / static_cast<double>(classes);
  double loss = 0;
  for (std::size_t i = 0; i < n; ++i) {
    loss += std::log(sums[i]) - (1 - smoothing) * sums[n + i] - of_all * sums[2 * n + i];
  }
  result[0] = loss;
}

void cross_entropy_backward(ConstMatrixView e, ConstMatrixView t, std::span<const double> exp_sums,
                            double smoothing, Index classes, double scale, MatrixView dl) {
  check_cross_entropy_backward(e, t, exp_sums, dl);
  const auto of_target = static_cast<Scalar>(scale * (1 - smoothing));
  const auto of_all = static_cast<Scalar>(scale * smoothing / static_cast<double>(classes));
  for_each_rows(e, [=](Index first, Index count) {
    std::array<Scalar, rows_at_once> factors;
    for (Index i = 0; i < count; ++i) {
      factors[static_cast<std::size_t>(i)] =
          static_cast<Scalar>(scale / exp_sums[static_cast<std::size_t>(first + i)]);
    }
    for (Index column = 0; column < e.cols; ++column) {
      const Index at = column * e.rows + first;
      const Scalar* const e_rows = e.data + at;
      const Scalar* const t_rows = t.data + at;
      Scalar* const dl_rows = dl.data + at;
      for (Index i = 0; i < count; ++i) {
        dl_rows[i] =
            factors[static_cast<std::size_t>(i)] * e_rows[i] - of_target * t_rows[i] - of_all;
      }
    }
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
