// The header of an NPY file: "\x93NUMPY", two bytes of version, the length of a text (2 bytes in
// version 1.0, 4 in 2.0 and 3.0, little-endian), and the text, a Python dictionary such as
//     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
#pragma once

#include <cstddef>
#include <cstdint>

#include "colonnade/file.hpp"
#include "colonnade/shard.hpp"

namespace colonnade {

/// What the numbers of a file are: a matrix [rows, cols] of floating-point numbers.
struct NpyHeader {
  std::size_t element_bytes = 0;  // 4 or 8
  bool fortran_order = false;     // whether the rows run fastest
  Index rows = 0;
  Index cols = 1;
  std::uint64_t data_begin = 0;  // place of the first number in the file
};

/// Reads and checks a header. Throws on any other type or number of dimensions, on a dictionary
/// that is not of just that form, on one of more than 64 KiB, and if the rest of the file isn't as
/// long as the shape says. An array [n] counts as [n, 1].
NpyHeader read_npy_header(const ByteSource& source);

}  // namespace colonnade
