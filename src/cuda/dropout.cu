// Dropout: a thread looks up one block of random words, which four rows of a column share, the same
// four wherever the matrix at hand begins.
#include <Random123/philox.h>

#include <cmath>
#include <cstdint>

#include "colonnade/ops.hpp"
#include "cuda/gpu.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

struct Drop {
  std::uint64_t key;
  std::uint64_t stream;
  const std::uint64_t* step;
  std::uint64_t dropped_below;
  Scalar scale;
  Index first_row, first_col;
  Index rows, cols;

  /// Blocks of random words that a column has a part in.
  __host__ __device__ Index blocks() const { return (first_row + rows + 3) / 4 - first_row / 4; }
};

/// KeyedRandom::words32 of an index, of the table that decides.
__device__ r123::Philox4x32::ctr_type words32(const Drop& drop, std::uint64_t index) {
  const std::uint64_t stream =
      drop.step != nullptr ? stream_at(drop.stream, *drop.step) : drop.stream;
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const r123::Philox4x32::ctr_type counter = {{low(index), high(index), low(stream), high(stream)}};
  const r123::Philox4x32::key_type key = {{low(drop.key), high(drop.key)}};
  return r123::Philox4x32{}(counter, key);
}

__global__ void drop_elements(Drop drop, Scalar* y, Scalar* derivative) {
  const Index thread = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  const Index column = thread / drop.blocks();
  if (column >= drop.cols) return;
  const Index block = drop.first_row / 4 + thread % drop.blocks();
  const auto words = words32(drop, (static_cast<std::uint64_t>(drop.first_col + column) << 40) +
                                       static_cast<std::uint64_t>(block));
  for (int i = 0; i < 4; ++i) {
    const Index row = 4 * block + i - drop.first_row;
    if (row < 0 || row >= drop.rows) continue;
    const Index at = column * drop.rows + row;
    const bool dropped = words[static_cast<unsigned>(i)] < drop.dropped_below;
    y[at] = dropped ? Scalar{0} : y[at] * drop.scale;
    if (derivative != nullptr) derivative[at] = dropped ? Scalar{0} : derivative[at] * drop.scale;
  }
}

}  // namespace

void dropout_forward(const DropoutMask& mask, MatrixView y, MatrixView derivative) {
  check_dropout_forward(mask, y, derivative);
  const Drop drop = {.key = mask.random.key(),
                     .stream = mask.random.stream(),
                     .step = mask.step,
                     .dropped_below = static_cast<std::uint64_t>(std::ceil(mask.rate * 0x1p32)),
                     .scale = static_cast<Scalar>(1 / (1 - mask.rate)),
                     .first_row = mask.first_row,
                     .first_col = mask.first_col,
                     .rows = y.rows,
                     .cols = y.cols};
  gpu::launch("dropout_forward", drop_elements, gpu::grid_for(drop.blocks() * y.cols), drop, y.data,
              derivative.size() > 0 ? derivative.data : nullptr);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
