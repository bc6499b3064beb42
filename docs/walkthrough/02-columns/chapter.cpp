// Where the elements of a matrix lie in memory, and what an all-gather of columns has to move.

#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index rows = 3, cols = 5;

// Tells where it belongs: 24 is in row 2, column 4, both counted from 1.
Scalar element(Index i, Index j) {
  return static_cast<Scalar>(10 * (i + 1) + (j + 1));
}

// Column-major: the elements of a column lie one after the other, and so do the columns.
Index place(Index i, Index j) {
  return j * rows + i;
}

// Into how many pieces of memory without a gap these columns fall.
int pieces(Range columns) {
  std::vector<bool> ours(rows * cols + 1, false);  // and one beyond, which is nobody's
  for (Index j = columns.begin; j < columns.end; ++j)
    for (Index i = 0; i < rows; ++i) ours[static_cast<std::size_t>(place(i, j))] = true;
  int ends = 0;
  for (std::size_t k = 0; k + 1 < ours.size(); ++k) ends += ours[k] && !ours[k + 1] ? 1 : 0;
  return ends;
}

// The numbers in the order of their addresses; a point where nothing was written.
std::string memory_of(const Tensor& y) {
  std::string text;
  for (Index k = 0; k < y.size(); ++k) {
    const Scalar value = y.data()[k];
    text += value == 0 ? "  ." : " " + std::to_string(static_cast<int>(value));
  }
  return text + "\n";
}

bool gather(ProcessGroup& group) {
  const Sharding cut(cols, group.size(), "columns");
  const Range own = cut.range(group.rank());
  Tensor y = Tensor::zeros(rows, cols);
  for (Index j = own.begin; j < own.end; ++j)
    for (Index i = 0; i < rows; ++i) y.data()[place(i, j)] = element(i, j);
  say_all(group, "before:" + memory_of(y));

  GatherColumns::forward(group, cut, y);

  say_all(group, "after: " + memory_of(y));
  const Traffic sent = group.traffic(Collective::all_gather);
  say_all(group, "pieces of memory: " + std::to_string(pieces(own)) +
                     ", bytes sent: " + std::to_string(sent.bytes_sent) + "\n");

  double wrong = 0;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) wrong += y(i, j) == element(i, j) ? 0 : 1;
  if (group.rank() == 0) std::printf("as a matrix:\n%s", show(y).c_str());
  return check(group, "every element is in its place, on every rank", wrong == 0);
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool right = gather(group);
    if (group.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
