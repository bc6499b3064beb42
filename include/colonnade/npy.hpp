// NumPy's NPY format, for matrices of float32 or float64.
#pragma once

#include <string>

#include "colonnade/file.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Reads a matrix [n, cols] as numpy.save writes it, in C or Fortran order, '<f4' or '<f8', and
/// converts it to Scalar. An array with one dimension [n] is taken as [n, 1]. Throws on a header
/// that is anything else, on a length that doesn't match it (before anything is allocated), and on
/// NaN or infinity, also from a float64 that is too large for Scalar, whose row and column it
/// names.
Tensor read_npy(const ByteSource& source);
Tensor read_npy(const std::string& path);

/// The same matrix as [cols, n]: each row of the file lies together in memory, as a data set wants
/// it that is read sample by sample.
Tensor read_npy_transposed(const ByteSource& source);
Tensor read_npy_transposed(const std::string& path);

/// Writes `matrix` [rows, cols] in Fortran order, in which it lies in memory. The file appears
/// whole or not at all (FileReplacement).
void write_npy(const std::string& path, ConstMatrixView matrix);

}  // namespace colonnade::inline COLONNADE_PRECISION
