// For tests of exact mode, where equal means the same bits: comparing them, and the things that
// must not change them.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "colonnade/tensor.hpp"

namespace harness {

/// Whether two matrices have the same shape and bits.
inline bool same_bits(colonnade::ConstMatrixView a, colonnade::ConstMatrixView b) {
  return a.rows == b.rows && a.cols == b.cols &&
         std::equal(a.data, a.data + a.size(), b.data,
                    [](colonnade::Scalar x, colonnade::Scalar y) {
                      return std::memcmp(&x, &y, sizeof x) == 0;
                    });
}

inline bool same_bits(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// A copy of a matrix that begins `offset` elements after a 64-byte boundary.
class Shifted {
 public:
  Shifted(colonnade::ConstMatrixView matrix, colonnade::Index offset)
      : memory_(matrix.size() + offset, 1), rows_(matrix.rows), cols_(matrix.cols) {
    begin_ = memory_.data() + offset;
    std::copy(matrix.data, matrix.data + matrix.size(), begin_);
  }
  operator colonnade::MatrixView() { return {begin_, rows_, cols_}; }
  operator colonnade::ConstMatrixView() const { return {begin_, rows_, cols_}; }

 private:
  colonnade::Tensor memory_;
  colonnade::Scalar* begin_;
  colonnade::Index rows_, cols_;
};

/// That many OpenMP threads until the end of the scope.
class Threads {
 public:
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// The ranges of shards [first, last) of `count`, counted from the first one's begin.
inline std::vector<colonnade::Range> run_of_shards(colonnade::Index length, colonnade::Index count,
                                                   colonnade::Index first, colonnade::Index last) {
  std::vector<colonnade::Range> run;
  const colonnade::Index begin = colonnade::shard_range(length, count, first).begin;
  for (colonnade::Index i = first; i < last; ++i) {
    const colonnade::Range range = colonnade::shard_range(length, count, i);
    run.push_back({range.begin - begin, range.end - begin});
  }
  return run;
}

}  // namespace harness
