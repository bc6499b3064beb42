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

/// Elements of a chunk where vector code finds them aligned and in whole packets. Eigen's
/// vectorised functions differ from their scalar counterparts in the last bits, and the ends of an
/// array that lies anywhere in memory go through the latter. In here all elements take the same
/// code: what comes out depends on the value alone.
using Chunk = Eigen::Array<Scalar, Eigen::Dynamic, 1, Eigen::ColMajor, chunk_size, 1>;

/// `count` elements, and zeros up to a whole packet.
inline Chunk load_chunk(const Scalar* from, Index count) {
  constexpr Index packet = tensor_alignment / sizeof(Scalar);
  Chunk chunk((count + packet - 1) / packet * packet);
  std::copy(from, from + count, chunk.data());
  std::fill(chunk.data() + count, chunk.data() + chunk.size(), Scalar{0});
  return chunk;
}

inline void store_chunk(const Chunk& chunk, Scalar* to, Index count) {
  std::copy(chunk.data(), chunk.data() + count, to);
}

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
