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
  Tensor result(view.rows, view.cols, memory);
  copy(view, result);
  return result;
}

void copy(ConstMatrixView from, MatrixView to) {
  check_shape(to, from.rows, from.cols, "copy, as what is copied");
  copy_bytes(from.data, to.data, bytes_of(from.size()));
}

void Tensor::set_zero() {
  const bool computes = memory_ != system_memory() || device_memory() == system_memory();
  if (!computes) {
    std::fill_n(data(), size(), Scalar{0});
  } else {
    colonnade::set_zero(*this);
  }
}

void set_zero(MatrixView matrix) {
  zero_bytes(matrix.data, bytes_of(matrix.size()));
}

Scalar read_number(const Scalar* from) {
  if (host_reaches_device_memory()) return *from;
  Scalar value = 0;
  copy_bytes(from, &value, sizeof value);
  return value;
}

void write_number(Scalar value, Scalar* to) {
  if (host_reaches_device_memory()) {
    *to = value;
  } else {
    copy_bytes(&value, to, sizeof value);
  }
}

OnHost::OnHost(ConstMatrixView matrix)
    : copy_(host_reaches_device_memory() ? Tensor() : Tensor::copy_of(matrix, system_memory())),
      view_(host_reaches_device_memory() ? matrix : copy_) {}

Tensor rows_of(ConstMatrixView matrix, Range rows, std::pmr::memory_resource* memory) {
  Tensor part(rows.size(), matrix.cols, memory);
  copy_pieces(matrix.data + rows.begin, bytes_of(matrix.rows), part.data(), bytes_of(part.rows()),
              bytes_of(part.rows()), static_cast<std::size_t>(matrix.cols));
  return part;
}

void set_rows(ConstMatrixView part, Index first, MatrixView matrix) {
  check_shape(part, any_size, matrix.cols, "rows of a matrix, of as many columns");
  copy_pieces(part.data, bytes_of(part.rows), matrix.data + first, bytes_of(matrix.rows),
              bytes_of(part.rows), static_cast<std::size_t>(part.cols));
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
    std::snprintf(first, sizeof first, "%.4f", static_cast<double>(read_number(matrix.data)));
    text += first;
  }
  return text + "...]";
}

}  // namespace colonnade::inline COLONNADE_PRECISION
