// Solutions of chapter 2; exits with 1 if one is wrong.

#include <algorithm>
#include <span>

#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index rows = 3, cols = 5;
Scalar element(Index i, Index j) {
  return static_cast<Scalar>(10 * (i + 1) + (j + 1));
}

// Exercise 1: the same gather of a matrix that lies in memory row by row. What arrives from a rank
// is its columns in one piece, and they belong in as many places as there are rows. Returns how
// many numbers were copied besides being sent.
Index gather_row_major(ProcessGroup& group, const Sharding& cut, std::span<Scalar> y) {
  Index copied = 0;
  std::vector<Scalar> packed(rows * cols);
  const auto copy_columns = [&](Range columns, bool pack) {
    Index k = columns.begin * rows;
    for (Index i = 0; i < rows; ++i)
      for (Index j = columns.begin; j < columns.end; ++j, ++k, ++copied) {
        Scalar& in_matrix = y[static_cast<std::size_t>(i * cols + j)];
        Scalar& in_buffer = packed[static_cast<std::size_t>(k)];
        if (pack)
          in_buffer = in_matrix;
        else
          in_matrix = in_buffer;
      }
  };
  copy_columns(cut.range(group.rank()), true);
  group.all_gather(std::span<Scalar>(packed), cut.ranges(), rows);
  for (int rank = 0; rank < group.size(); ++rank)
    if (rank != group.rank()) copy_columns(cut.range(rank), false);
  return copied;
}

bool try_row_major(ProcessGroup& group) {
  const Sharding cut(cols, group.size(), "columns");
  const Range own = cut.range(group.rank());
  std::vector<Scalar> y(rows * cols, 0);
  for (Index i = 0; i < rows; ++i)
    for (Index j = own.begin; j < own.end; ++j)
      y[static_cast<std::size_t>(i * cols + j)] = element(i, j);
  const Index copied = gather_row_major(group, cut, y);
  bool right = copied == rows * cols;  // each number once, on every rank
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j)
      right &= y[static_cast<std::size_t>(i * cols + j)] == element(i, j);
  return right;
}

// Exercise 2: PyTorch keeps the weight of nn.Linear as [out, in], row by row. A rank's columns of
// our W [in, out] are the elements of the file from own.begin * in on, as many as the view has.
bool shard_is_a_range_of_the_file(ProcessGroup& group) {
  const Index in = rows, out = cols;
  std::vector<Scalar> file;
  for (Index o = 0; o < out; ++o)
    for (Index i = 0; i < in; ++i) file.push_back(element(i, o));

  Tensor w(in, out);
  for (Index i = 0; i < in; ++i)
    for (Index o = 0; o < out; ++o) w(i, o) = element(i, o);
  const Range own = shard_range(out, group.size(), group.rank());
  const ConstMatrixView shard = w.columns(own);
  return std::equal(shard.data, shard.data + shard.size(), file.begin() + own.begin * in);
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool first =
        check(group, "1: row-major works too, at the price of a copy", try_row_major(group));
    const bool second = check(group, "2: a rank's shard is one range of the file",
                              shard_is_a_range_of_the_file(group));
    if (group.rank() == 0) fine = first && second;
  });
  return fine ? 0 : 1;
}
