#include <cmath>
#include <string>

#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Keeps or drops one column. Four rows share a block of random words, the same four wherever the
/// matrix at hand begins.
void drop_column(const DropoutMask& mask, std::uint64_t dropped_below, Scalar scale, Index column,
                 Index rows, Scalar* y, Scalar* derivative) {
  const std::uint64_t blocks = static_cast<std::uint64_t>(mask.first_col + column) << 40;
  for (Index i = 0; i < rows;) {
    const Index row = mask.first_row + i;
    const auto words = mask.random.words32(blocks + static_cast<std::uint64_t>(row / 4));
    const Index end = std::min(rows, (row / 4 + 1) * 4 - mask.first_row);
    for (std::size_t word = static_cast<std::size_t>(row % 4); i < end; ++i, ++word) {
      const bool dropped = words[word] < dropped_below;
      y[i] = dropped ? Scalar{0} : y[i] * scale;
      if (derivative != nullptr) derivative[i] = dropped ? Scalar{0} : derivative[i] * scale;
    }
  }
}

}  // namespace

void dropout_forward(const DropoutMask& mask, MatrixView y, MatrixView derivative) {
  if (derivative.size() > 0) check_shape(derivative, y.rows, y.cols, "derivative [n, m]");
  if (!(mask.rate >= 0 && mask.rate < 1)) {
    throw Error("no such dropout rate",
                {.wanted = "0 <= rate < 1", .found = std::to_string(mask.rate)});
  }
  const auto dropped_below = static_cast<std::uint64_t>(std::ceil(mask.rate * 0x1p32));
  const auto scale = static_cast<Scalar>(1 / (1 - mask.rate));
  for_each_column(y, [=](Index column) {
    Scalar* const d = derivative.size() > 0 ? derivative.data + column * y.rows : nullptr;
    drop_column(mask, dropped_below, scale, column, y.rows, y.data + column * y.rows, d);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
