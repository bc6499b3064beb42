#include "colonnade/tensor.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

std::string shape_text(Index rows, Index cols) {
  const auto size_text = [](Index n) { return n == any_size ? "any" : std::to_string(n); };
  return "[" + size_text(rows) + ", " + size_text(cols) + "]";
}

std::size_t bytes_of(Index count) {
  return static_cast<std::size_t>(count) * sizeof(Scalar);
}

}  // namespace

Tensor::Tensor(Index rows, Index cols, std::pmr::memory_resource* memory) : memory_(memory) {
  Index count = 0;
  Index bytes = 0;
  if (rows < 0 || cols < 0 || __builtin_mul_overflow(rows, cols, &count) ||
      __builtin_mul_overflow(count, static_cast<Index>(sizeof(Scalar)), &bytes)) {
    throw Error("no tensor can have this shape", {.found = shape_text(rows, cols)});
  }
  view_ = {nullptr, rows, cols};
  if (count > 0) {
    view_.data =
        static_cast<Scalar*>(memory->allocate(static_cast<std::size_t>(bytes), tensor_alignment));
  }
}

Tensor Tensor::zeros(Index rows, Index cols, std::pmr::memory_resource* memory) {
  Tensor tensor(rows, cols, memory);
  tensor.set_zero();
  return tensor;
}

Tensor::Tensor(Tensor&& other) noexcept
    : view_(std::exchange(other.view_, {})), memory_(std::exchange(other.memory_, nullptr)) {}

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  std::swap(view_, other.view_);
  std::swap(memory_, other.memory_);
  return *this;
}

Tensor::~Tensor() {
  if (view_.data != nullptr) memory_->deallocate(view_.data, bytes_of(size()), tensor_alignment);
}

Tensor Tensor::copy_of(ConstMatrixView view, std::pmr::memory_resource* memory) {
  Tensor copy(view.rows, view.cols, memory);
  std::copy_n(view.data, view.size(), copy.data());
  return copy;
}

// Cut among threads as elementwise ops are: on a machine whose memory is in parts, a page is put
// near the thread that first writes to it.
void Tensor::set_zero() {
  constexpr Index worth_threads = 32 * 1024;
  Scalar* const to = data();
  const Index count = size();
  if (count < worth_threads) {
    std::fill_n(to, count, Scalar{0});
    return;
  }
#pragma omp parallel for schedule(static)
  for (Index i = 0; i < count; ++i) to[i] = 0;
}

Tensor rows_of(ConstMatrixView matrix, Range rows, std::pmr::memory_resource* memory) {
  Tensor part(rows.size(), matrix.cols, memory);
  for (Index j = 0; j < matrix.cols; ++j)
    std::copy_n(matrix.data + j * matrix.rows + rows.begin, part.rows(),
                part.data() + j * part.rows());
  return part;
}

void set_rows(ConstMatrixView part, Index first, MatrixView matrix) {
  check_shape(part, any_size, matrix.cols, "rows of a matrix, of as many columns");
  for (Index j = 0; j < part.cols; ++j)
    std::copy_n(part.data + j * part.rows, part.rows, matrix.data + j * matrix.rows + first);
}

void check_shape(ConstMatrixView matrix, Index rows, Index cols, std::string_view what,
                 SourceLine where) {
  const bool rows_fit = rows == any_size || matrix.rows == rows;
  const bool cols_fit = cols == any_size || matrix.cols == cols;
  if (rows_fit && cols_fit) return;
  throw Error("wrong shape of " + std::string(what),
              {.wanted = shape_text(rows, cols), .found = shape_text(matrix.rows, matrix.cols)},
              where);
}

std::string summarize(ConstMatrixView matrix) {
  std::string text = std::to_string(matrix.rows) + "x" + std::to_string(matrix.cols) + "[";
  if (matrix.size() > 0) {
    char first[32];
    std::snprintf(first, sizeof first, "%.4f", static_cast<double>(matrix.data[0]));
    text += first;
  }
  return text + "...]";
}

}  // namespace colonnade::inline COLONNADE_PRECISION
