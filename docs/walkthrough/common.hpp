// What the chapters' programs share: small matrices from numbers and as text, what each rank has to
// say, and a line that says whether something holds. All else they do with the library.
#pragma once

#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <vector>

#include "colonnade/process_group.hpp"
#include "colonnade/tensor.hpp"

/// The matrix with these rows.
inline colonnade::Tensor matrix(
    std::initializer_list<std::initializer_list<colonnade::Scalar>> rows) {
  using colonnade::Index;
  colonnade::Tensor result(static_cast<Index>(rows.size()),
                           static_cast<Index>(rows.begin()->size()));
  Index i = 0;
  for (const auto& row : rows) {
    Index j = 0;
    for (const colonnade::Scalar value : row) result(i, j++) = value;
    ++i;
  }
  return result;
}

/// A matrix as lines of text, row by row, with so many digits after the point.
inline std::string show(colonnade::ConstMatrixView m, int digits = 0) {
  std::string text;
  for (colonnade::Index i = 0; i < m.rows; ++i) {
    text += "   ";
    for (colonnade::Index j = 0; j < m.cols; ++j) {
      const double value = m.data[j * m.rows + i];
      // A rounded -0 would print its sign on one machine and not on the next.
      const bool rounds_to_zero = std::abs(value) < 0.5 * std::pow(10.0, -digits);
      char cell[32];
      std::snprintf(cell, sizeof cell, " %*.*f", 4 + digits, digits, rounds_to_zero ? 0.0 : value);
      text += cell;
    }
    text += '\n';
  }
  return text;
}

/// Prints, from rank 0, what each rank has to say. Collective.
inline void say_all(colonnade::ProcessGroup& group, const std::string& text) {
  const std::vector<std::string> texts = gather_text(group, text);
  if (group.rank() != 0) return;
  for (std::size_t rank = 0; rank < texts.size(); ++rank)
    std::printf("rank %zu %s", rank, texts[rank].c_str());
}

/// The largest difference between elements of two matrices of one shape; NaN if any is NaN.
inline double distance(colonnade::ConstMatrixView a, colonnade::ConstMatrixView b) {
  check_shape(b, a.rows, a.cols, "b, of a's shape");
  double largest = 0;
  for (colonnade::Index i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a.data[i]) - b.data[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/// Prints whether something holds, and returns it.
inline bool check(const char* what, bool holds) {
  std::printf("%s: %s\n", what, holds ? "yes" : "NO");
  return holds;
}

/// Prints, from rank 0, whether something holds on every rank; all ranks return the same.
inline bool check(colonnade::ProcessGroup& group, const char* what, bool holds) {
  const bool everywhere = group.all_reduce<std::int64_t>(holds ? 0 : 1) == 0;
  if (group.rank() == 0) check(what, everywhere);
  return everywhere;
}
