#include "colonnade/idx.hpp"

#include <array>
#include <cstdio>
#include <span>

namespace colonnade {

namespace {

std::uint32_t big_endian(std::span<const std::byte, 4> bytes) {
  std::uint32_t value = 0;
  for (const std::byte b : bytes) value = value << 8 | std::to_integer<std::uint32_t>(b);
  return value;
}

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
  return text;
}

void check_magic(const ByteSource& source, std::uint32_t found, std::uint32_t wanted,
                 const std::string& what) {
  if (found == wanted) return;
  const bool gzipped = found >> 16 == 0x1f8b;
  throw Error(source.name() + " holds no IDX " + what,
              {.wanted = "the magic number " + hex(wanted),
               .found = hex(found),
               .hint = gzipped ? "it is compressed: unpack it with gunzip" : ""});
}

// Magic number and sizes, and after them what the sizes say and nothing else.
template <std::size_t Dimensions>
std::array<std::uint32_t, Dimensions> read_sizes(const ByteSource& source, std::uint32_t magic,
                                                 const std::string& what) {
  constexpr std::size_t header_bytes = 4 * (1 + Dimensions);
  std::array<std::byte, header_bytes> header;
  if (source.size() < header_bytes) {
    throw Error(source.name() + " is too short for a file of IDX " + what,
                {.wanted = "at least " + std::to_string(header_bytes) + " bytes",
                 .found = std::to_string(source.size())});
  }
  source.read(0, header);
  const auto word = [&](std::size_t i) {
    return big_endian(std::span<const std::byte>(header).subspan(4 * i).first<4>());
  };
  check_magic(source, word(0), magic, what);

  std::array<std::uint32_t, Dimensions> sizes;
  std::uint64_t wanted = 1;
  bool overflow = false;
  std::string shape;
  for (std::size_t i = 0; i < Dimensions; ++i) {
    sizes[i] = word(1 + i);
    overflow |= __builtin_mul_overflow(wanted, sizes[i], &wanted);
    shape += (i == 0 ? "" : " x ") + std::to_string(sizes[i]);
  }
  const std::uint64_t found = source.size() - header_bytes;
  if (!overflow && wanted == 0) {
    throw Error(source.name() + " is empty",
                {.wanted = "at least one of IDX " + what, .found = shape});
  }
  if (overflow || wanted != found) {
    throw Error(source.name() + (!overflow && wanted < found ? " is too long" : " is truncated"),
                {.wanted = shape + " bytes of IDX " + what, .found = std::to_string(found)});
  }
  return sizes;
}

std::vector<std::uint8_t> read_bytes_from(const ByteSource& source, std::uint64_t offset) {
  const std::uint64_t count = source.size() - offset;
  std::vector<std::uint8_t> bytes = with_memory_for(source.name(), count, [&] {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(count));
  });
  source.read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace

IdxImages read_idx_images(const ByteSource& source) {
  const auto [count, rows, cols] = read_sizes<3>(source, 0x00000803, "images");
  return {static_cast<Index>(count), static_cast<Index>(rows), static_cast<Index>(cols),
          read_bytes_from(source, 16)};
}

std::vector<std::uint8_t> read_idx_labels(const ByteSource& source) {
  read_sizes<1>(source, 0x00000801, "labels");
  return read_bytes_from(source, 8);
}

}  // namespace colonnade
