// Views as Eigen sees them, and how the elementwise ops of this backend go through memory.
#pragma once

#include <Eigen/Core>
#include <algorithm>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

using EigenMatrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
using EigenArray = Eigen::Array<Scalar, Eigen::Dynamic, 1>;

inline Eigen::Map<const EigenMatrix> matrix(ConstMatrixView view) {
  return {view.data, view.rows, view.cols};
}
inline Eigen::Map<EigenMatrix> matrix(MatrixView view) {
  return {view.data, view.rows, view.cols};
}

inline Eigen::Map<const EigenArray> array(const Scalar* data, Index count) {
  return {data, count};
}
inline Eigen::Map<EigenArray> array(Scalar* data, Index count) {
  return {data, count};
}

/// Elementwise work goes in chunks that stay in the first cache from one expression to the next.
inline constexpr Index chunk_size = 512;

/// Below this many elements the start of a parallel region costs more than it saves.
inline constexpr Index parallel_threshold = 32 * 1024;

/// Calls work(begin, count) for consecutive chunks of [0, size), on all threads if it is worth it.
template <class Work>
void for_each_chunk(Index size, Work&& work) {
#pragma omp parallel for schedule(static) if (size >= parallel_threshold)
  for (Index begin = 0; begin < size; begin += chunk_size) {
    work(begin, std::min(chunk_size, size - begin));
  }
}

/// Calls work(column) for each column of a matrix, on all threads if it is worth it.
template <class Work>
void for_each_column(ConstMatrixView shape, Work&& work) {
#pragma omp parallel for schedule(static) if (shape.size() >= parallel_threshold)
  for (Index column = 0; column < shape.cols; ++column) work(column);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
