// What holds for any bytes that are read as NPY: each number of the matrix is the one that lies at
// its place in the file, in both orders and turned or not.
#pragma once

#include <cmath>

#include "colonnade/npy.hpp"
#include "colonnade/npy_header.hpp"
#include "property.hpp"

namespace fuzz {

using colonnade::Index;
using colonnade::Scalar;

inline Scalar element(Bytes file, const colonnade::NpyHeader& header, Index row, Index col) {
  const Index place = header.fortran_order ? col * header.rows + row : row * header.cols + col;
  const std::size_t begin =
      header.data_begin + static_cast<std::size_t>(place) * header.element_bytes;
  if (header.element_bytes == sizeof(float))
    return static_cast<Scalar>(number_at<float>(file, begin));
  return static_cast<Scalar>(number_at<double>(file, begin));
}

inline void check_npy_size(Bytes file, const colonnade::NpyHeader& header) {
  require(header.element_bytes == 4 || header.element_bytes == 8, "numbers are float32 or float64");
  require(header.rows >= 0 && header.cols >= 0, "no size is negative");
  require(header.data_begin <= file.size(), "the header ends inside of the file");
  // Dividing, where the parser multiplies: no overflow to think of.
  const std::size_t bytes = file.size() - header.data_begin;
  const std::size_t rows = static_cast<std::size_t>(header.rows);
  const std::size_t cols = static_cast<std::size_t>(header.cols);
  require(bytes % header.element_bytes == 0, "no number is cut off");
  const std::size_t count = bytes / header.element_bytes;
  require(rows == 0 || cols == 0 ? count == 0 : count % rows == 0 && count / rows == cols,
          "there are as many numbers as the shape says");
}

/// Throws Disproved if a property fails; returns whether the bytes are a matrix of finite numbers.
inline bool read_as_npy(Bytes file) {
  const colonnade::MemorySource source("made-up", file);
  colonnade::NpyHeader header;
  colonnade::Tensor plain, turned;
  const bool has_header = accepts(file, [&] { header = colonnade::read_npy_header(source); });
  const bool is_read = accepts(file, [&] { plain = colonnade::read_npy(source); });
  const bool is_read_turned =
      accepts(file, [&] { turned = colonnade::read_npy_transposed(source); });
  require(is_read == is_read_turned, "a matrix is taken turned or not, or neither");
  if (!has_header) {
    require(!is_read, "without a header there are no numbers");
    return false;
  }
  check_npy_size(file, header);
  if (is_read) {
    require(plain.rows() == header.rows && plain.cols() == header.cols, "read as the shape says");
    require(turned.rows() == header.cols && turned.cols() == header.rows, "turned, the same");
  }
  bool finite = true;
  for (Index row = 0; header.cols > 0 && row < header.rows; ++row) {
    for (Index col = 0; col < header.cols; ++col) {
      const Scalar number = element(file, header, row, col);
      finite = finite && std::isfinite(number);
      if (is_read && finite)
        require(plain(row, col) == number && turned(col, row) == number,
                "a number is the one at its place in the file");
    }
  }
  require(is_read == finite, "a matrix is refused if a number is not finite, and only then");
  return is_read;
}

}  // namespace fuzz
