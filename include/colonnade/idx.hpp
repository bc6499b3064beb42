// The IDX format of MNIST: a big-endian magic number, one big-endian 32-bit size for each
// dimension, then unsigned bytes with the last dimension running fastest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "colonnade/file.hpp"
#include "colonnade/shard.hpp"

namespace colonnade {

/// Grey images, one byte a pixel, image after image and row after row.
struct IdxImages {
  Index count = 0;
  Index rows = 0;
  Index cols = 0;
  std::vector<std::uint8_t> pixels;  // [count, rows, cols]
};

/// Reads images (magic number 0x00000803). Throws if the magic number is another, any size is zero,
/// or the sizes don't account for exactly the bytes that are there; all of that is checked before
/// anything is allocated.
IdxImages read_idx_images(const ByteSource& source);

/// Reads labels (magic number 0x00000801), one byte for each sample; throws likewise.
std::vector<std::uint8_t> read_idx_labels(const ByteSource& source);

}  // namespace colonnade
