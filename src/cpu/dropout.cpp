#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Keeps or drops one column. Four rows share a block of random words, the same four wherever the
/// matrix at hand begins.
void drop_column(const DropoutMask& mask, const KeyedRandom& random, std::uint64_t dropped_below,
                 Scalar scale, Index column, Index rows, Scalar* y, Scalar* derivative) {
  constexpr Index blocks_at_once = 64;
  std::array<std::array<std::uint32_t, 4>, blocks_at_once> blocks;
  const std::uint64_t column_blocks = static_cast<std::uint64_t>(mask.first_col + column) << 40;
  const auto drop = [&](Scalar* values, Index begin, Index count, const std::uint32_t* words) {
    for (Index i = 0; i < count; ++i) {
      values[begin + i] = words[i] < dropped_below ? Scalar{0} : values[begin + i] * scale;
    }
  };
  for (Index begin = 0; begin < rows;) {
    const Index row = mask.first_row + begin;
    const Index count = std::min(rows - begin, (row / 4 + blocks_at_once) * 4 - row);
    const Index block_count = (row + count + 3) / 4 - row / 4;
    random.words32(column_blocks + static_cast<std::uint64_t>(row / 4),
                   std::span(blocks).first(static_cast<std::size_t>(block_count)));
    std::array<std::uint32_t, 4 * blocks_at_once> words;
    std::memcpy(words.data(), blocks.data(), sizeof words);
    drop(y, begin, count, words.data() + row % 4);
    if (derivative != nullptr) drop(derivative, begin, count, words.data() + row % 4);
    begin += count;
  }
}

}  // namespace

void dropout_forward(const DropoutMask& mask, MatrixView y, MatrixView derivative) {
  check_dropout_forward(mask, y, derivative);
  const auto dropped_below = static_cast<std::uint64_t>(std::ceil(mask.rate * 0x1p32));
  const auto scale = static_cast<Scalar>(1 / (1 - mask.rate));
  const KeyedRandom random = mask.step != nullptr ? mask.random.at(*mask.step) : mask.random;
  for_each_column(y, [=](Index column) {
    Scalar* const d = derivative.size() > 0 ? derivative.data + column * y.rows : nullptr;
    drop_column(mask, random, dropped_below, scale, column, y.rows, y.data + column * y.rows, d);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
