// An owned matrix and the views that ops work on.
//
// Sizes, throughout the library:  B rows of a batch (samples or tokens), D width, L layers,
// V classes, P ranks. Column-major: [rows = samples, cols = features]. Hence a range of features is
// one contiguous block of memory, a shard of a wider matrix needs no stride and no copy, and a
// weight [in, out] has the bytes of the row-major [out, in] of PyTorch's nn.Linear.
#pragma once

#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "colonnade/device_memory.hpp"
#include "colonnade/error.hpp"
#include "colonnade/memory.hpp"
#include "colonnade/scalar.hpp"
#include "colonnade/shard.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Someone else's [rows, cols] numbers, column-major and without gaps. Copying it copies no number.
struct ConstMatrixView {
  const Scalar* data = nullptr;
  Index rows = 0;
  Index cols = 0;

  Index size() const { return rows * cols; }
  ConstMatrixView columns(Range range) const {
    return {data + range.begin * rows, rows, range.size()};
  }
};

/// The same, for writing.
struct MatrixView {
  Scalar* data = nullptr;
  Index rows = 0;
  Index cols = 0;

  Index size() const { return rows * cols; }
  MatrixView columns(Range range) const { return {data + range.begin * rows, rows, range.size()}; }
  operator ConstMatrixView() const { return {data, rows, cols}; }
};

/// Copies the numbers of a matrix to another of the same shape, wherever the two lie.
void copy(ConstMatrixView from, MatrixView to);

/// Zeroes a matrix in device memory.
void set_zero(MatrixView matrix);

/// One number, wherever it lies.
Scalar read_number(const Scalar* from);
void write_number(Scalar value, Scalar* to);

/// An owned [rows, cols] matrix at a 64-byte boundary. Moving is free, copying is spelled clone().
/// New elements have no defined value until they are written. It lies in device memory unless told
/// otherwise; one in system_memory() is the program's own, and no op computes with it.
class Tensor {
 public:
  Tensor() = default;
  Tensor(Index rows, Index cols, std::pmr::memory_resource* memory = device_memory());
  static Tensor zeros(Index rows, Index cols, std::pmr::memory_resource* memory = device_memory());
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;
  ~Tensor();

  /// A copy of the numbers behind a view.
  static Tensor copy_of(ConstMatrixView view, std::pmr::memory_resource* memory = device_memory());
  Tensor clone(std::pmr::memory_resource* memory = device_memory()) const {
    return copy_of(*this, memory);
  }

  Index rows() const { return view_.rows; }
  Index cols() const { return view_.cols; }
  Index size() const { return view_.size(); }
  bool empty() const { return size() == 0; }
  Scalar* data() { return view_.data; }
  const Scalar* data() const { return view_.data; }

  /// Element at row i, column j, where the program reaches it; not checked.
  Scalar& operator()(Index i, Index j) { return view_.data[j * view_.rows + i]; }
  Scalar operator()(Index i, Index j) const { return view_.data[j * view_.rows + i]; }

  MatrixView columns(Range range) { return view_.columns(range); }
  ConstMatrixView columns(Range range) const { return view_.columns(range); }
  operator MatrixView() { return view_; }
  operator ConstMatrixView() const { return view_; }

  void set_zero();

 private:
  MatrixView view_;
  std::pmr::memory_resource* memory_ = nullptr;
};

/// A matrix for the program to read: the numbers themselves where it reaches device memory, else a
/// copy of them. The matrix must outlive it.
class OnHost {
 public:
  explicit OnHost(ConstMatrixView matrix);
  operator ConstMatrixView() const { return view_; }
  Scalar operator()(Index i, Index j) const { return view_.data[j * view_.rows + i]; }
  /// All of them, column by column.
  std::span<const Scalar> numbers() const {
    return {view_.data, static_cast<std::size_t>(view_.size())};
  }

 private:
  Tensor copy_;
  ConstMatrixView view_;
};

/// Lets the program set all numbers of a matrix in device memory: calls write(MatrixView) with the
/// matrix itself where the program reaches it, else with one of the same shape that is copied.
template <class Write>
void write_from_host(MatrixView matrix, Write&& write) {
  if (host_reaches_device_memory()) {
    write(matrix);
    return;
  }
  Tensor staged(matrix.rows, matrix.cols, system_memory());
  write(MatrixView(staged));
  copy(staged, matrix);
}

/// A copy of some rows of a matrix, which lie apart in it.
Tensor rows_of(ConstMatrixView matrix, Range rows, std::pmr::memory_resource* memory);

/// Writes them back: `matrix` gets `part`, of as many columns, as its rows from `first` on.
void set_rows(ConstMatrixView part, Index first, MatrixView matrix);

/// Throws unless `matrix` is [rows, cols]; any_size stands for a size that may be anything.
/// `what` is the shape as the header's comment has it: `check_shape(x, B, in, "x [B, in]")`.
inline constexpr Index any_size = -1;
void check_shape(ConstMatrixView matrix, Index rows, Index cols, std::string_view what,
                 SourceLine where = SourceLine::here());

/// Shape and first element, for a log: `2x32[0.0123...]`.
std::string summarize(ConstMatrixView matrix);

}  // namespace colonnade::inline COLONNADE_PRECISION
