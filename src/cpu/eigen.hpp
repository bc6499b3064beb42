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

/// Calls work(i) for each i in [0, count), on all threads if the `size` elements of all are worth
/// it. Else without OpenMP: for a region of one thread it takes longer than a small matrix does.
template <class Work>
void for_each_part(Index count, Index size, const Work& work) {
  if (size < parallel_threshold) {
    for (Index i = 0; i < count; ++i) work(i);
    return;
  }
#pragma omp parallel for schedule(static)
  for (Index i = 0; i < count; ++i) work(i);
}

/// Calls work(begin, count) for consecutive chunks of [0, size), on all threads if it is worth it.
template <class Work>
void for_each_chunk(Index size, const Work& work) {
  for_each_part((size + chunk_size - 1) / chunk_size, size, [&](Index chunk) {
    const Index begin = chunk * chunk_size;
    work(begin, std::min(chunk_size, size - begin));
  });
}

/// Calls work(column) for each column of a matrix, on all threads if it is worth it.
template <class Work>
void for_each_column(ConstMatrixView shape, const Work& work) {
  for_each_part(shape.cols, shape.size(), work);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
