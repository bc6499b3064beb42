#include "colonnade/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include "colonnade/npy_header.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

namespace {

[[noreturn]] void refuse_number(const ByteSource& source, const NpyHeader& header, Index place,
                                double found) {
  const Index row = header.fortran_order ? place % header.rows : place / header.cols;
  const Index col = header.fortran_order ? place / header.rows : place % header.cols;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", found);
  throw Error("bad number in " + source.name() + " at row " + std::to_string(row) + ", column " +
                  std::to_string(col) + ", counted from 0",
              {.wanted = "a finite " + std::string(scalar_name), .found = text.data()});
}

// Takes the numbers of the file as `lines` lines of `length` numbers and writes them turned:
// to[j * lines + i] is number j of line i. With lines of length 1 that is the order of the file.
// Works on tiles that stay in cache, so that neither side is walked in long strides.
template <class Stored>
void read_turned(const ByteSource& source, const NpyHeader& header, Index lines, Index length,
                 Scalar* to) {
  constexpr Index tile_size = 32768;
  const Index tile_cols = std::min(length, Index{1024});
  const Index tile_rows = std::min(lines, tile_size / tile_cols);
  std::vector<Stored> tile(static_cast<std::size_t>(tile_rows * tile_cols));
  const auto read = [&](Index place, Index count, Index into) {
    source.read(header.data_begin + static_cast<std::uint64_t>(place) * sizeof(Stored),
                std::as_writable_bytes(std::span(tile).subspan(static_cast<std::size_t>(into),
                                                               static_cast<std::size_t>(count))));
  };
  for (Index line = 0; line < lines; line += tile_rows) {
    const Index rows = std::min(tile_rows, lines - line);
    for (Index first = 0; first < length; first += tile_cols) {
      const Index cols = std::min(tile_cols, length - first);
      if (cols == length) {
        read(line * length, rows * length, 0);  // whole lines follow each other
      } else {
        for (Index i = 0; i < rows; ++i) read((line + i) * length + first, cols, i * cols);
      }
      for (Index j = 0; j < cols; ++j) {
        for (Index i = 0; i < rows; ++i) {
          const Stored stored = tile[static_cast<std::size_t>(i * cols + j)];
          const Scalar number = static_cast<Scalar>(stored);
          if (!std::isfinite(number))
            refuse_number(source, header, (line + i) * length + first + j, stored);
          to[(first + j) * lines + line + i] = number;
        }
      }
    }
  }
}

Tensor read(const ByteSource& source, bool transposed) {
  const NpyHeader header = read_npy_header(source);
  const Index rows = transposed ? header.cols : header.rows;
  const Index cols = transposed ? header.rows : header.cols;
  const Index size = rows * cols;
  Tensor tensor = with_memory_for(source.name(), static_cast<std::uint64_t>(size) * sizeof(Scalar),
                                  [&] { return Tensor(rows, cols, system_memory()); });
  if (size == 0) return tensor;
  // Column-major [rows, cols] is Fortran order, and so is C order once it is transposed.
  const bool as_stored = header.fortran_order != transposed;
  const Index lines = as_stored ? size : header.fortran_order ? header.cols : header.rows;
  const Index length = size / lines;
  if (header.element_bytes == sizeof(float)) {
    read_turned<float>(source, header, lines, length, tensor.data());
  } else {
    read_turned<double>(source, header, lines, length, tensor.data());
  }
  return tensor;
}

}  // namespace

Tensor read_npy(const ByteSource& source) {
  return read(source, false);
}

Tensor read_npy(const std::string& path) {
  return read(File::open(path), false);
}

Tensor read_npy_transposed(const ByteSource& source) {
  return read(source, true);
}

Tensor read_npy_transposed(const std::string& path) {
  return read(File::open(path), true);
}

void write_npy(const std::string& path, ConstMatrixView matrix) {
  std::string header = "{'descr': '<f" + std::to_string(sizeof(Scalar)) +
                       "', 'fortran_order': True, 'shape': (" + std::to_string(matrix.rows) + ", " +
                       std::to_string(matrix.cols) + "), }";
  // Spaces and a newline, so that the numbers start at a multiple of 64 bytes.
  constexpr std::size_t preamble_bytes = 10;
  header.resize((preamble_bytes + header.size() + 1 + 63) / 64 * 64 - preamble_bytes - 1, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() % 256);
  start += static_cast<char>(header.size() / 256);
  start += header;

  const auto numbers =
      std::as_bytes(std::span(matrix.data, static_cast<std::size_t>(matrix.size())));
  FileReplacement replacement(path);
  replacement.file().allocate(start.size() + numbers.size());
  replacement.file().write(0, std::as_bytes(std::span(start)));
  replacement.file().write(start.size(), numbers);
  replacement.commit();
}

}  // namespace colonnade::inline COLONNADE_PRECISION
