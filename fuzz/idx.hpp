// What holds for any bytes that are read as IDX, found out a second time in plain arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "colonnade/idx.hpp"
#include "property.hpp"

namespace fuzz {

/// Whether the bytes are what an IDX file must be: this magic number, sizes of which none is zero,
/// and as many bytes as they say.
inline bool is_idx(Bytes file, std::uint32_t magic, std::size_t dimensions) {
  const auto word = [&](std::size_t i) {
    std::uint32_t value = 0;
    for (std::size_t k = 0; k < 4; ++k)
      value = value << 8 | std::to_integer<std::uint32_t>(file[4 * i + k]);
    return value;
  };
  const std::size_t header = 4 * (1 + dimensions);
  if (file.size() < header || word(0) != magic) return false;
  // Dividing, where the parser multiplies: no overflow to think of.
  std::uint64_t rest = file.size() - header;
  for (std::size_t i = 1; i <= dimensions; ++i) {
    if (word(i) == 0 || rest % word(i) != 0) return false;
    rest /= word(i);
  }
  return rest == 1;
}

inline bool same_bytes(Bytes file, const std::vector<std::uint8_t>& bytes) {
  return std::ranges::equal(file, std::as_bytes(std::span(bytes)));
}

/// Throws Disproved if a property fails; returns whether the bytes are images or labels.
inline bool read_as_idx(Bytes file) {
  const colonnade::MemorySource source("made-up", file);
  colonnade::IdxImages images;
  std::vector<std::uint8_t> labels;
  const bool has_images = accepts(file, [&] { images = colonnade::read_idx_images(source); });
  const bool has_labels = accepts(file, [&] { labels = colonnade::read_idx_labels(source); });
  require(has_images == is_idx(file, 0x00000803, 3), "IDX images are taken when they are right");
  require(has_labels == is_idx(file, 0x00000801, 1), "IDX labels are taken when they are right");
  if (has_images) {
    require(same_bytes(file.subspan(16), images.pixels), "all that follows is pixels");
    require(images.count * images.rows * images.cols ==
                static_cast<colonnade::Index>(images.pixels.size()),
            "there are as many pixels as the sizes say");
  }
  if (has_labels) require(same_bytes(file.subspan(8), labels), "all that follows is labels");
  return has_images || has_labels;
}

}  // namespace fuzz
