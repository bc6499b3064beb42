#include "colonnade/tensor.hpp"

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "harness.hpp"
#include "numbers.hpp"

using colonnade::any_size;
using colonnade::check_shape;
using colonnade::ConstMatrixView;
using colonnade::device_memory;
using colonnade::Index;
using colonnade::MatrixView;
using colonnade::RecyclingMemory;
using colonnade::Scalar;
using colonnade::Tensor;
using harness::error_of;

static_assert(!std::is_copy_constructible_v<Tensor> && !std::is_copy_assignable_v<Tensor>,
              "a copy of a tensor must be spelled clone()");
static_assert(!std::is_convertible_v<ConstMatrixView, MatrixView>);

namespace {

/// Element (i, j) is 10 i + j.
Tensor numbered(Index rows, Index cols) {
  Tensor tensor(rows, cols);
  for (Index j = 0; j < cols; ++j)
    for (Index i = 0; i < rows; ++i) tensor(i, j) = static_cast<Scalar>(10 * i + j);
  return tensor;
}

}  // namespace

TEST_CASE("tensors start at 64-byte boundaries, whatever their size") {
  RecyclingMemory recycling;
  for (Index n = 1; n < 20; ++n) {
    const Tensor plain(n, 1);
    const Tensor recycled(n, 3, &recycling);
    CHECK(reinterpret_cast<std::uintptr_t>(plain.data()) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(recycled.data()) % 64 == 0);
  }
}

TEST_CASE("elements are stored column by column") {
  const Tensor tensor = numbered(2, 3);
  const Scalar wanted[] = {0, 10, 1, 11, 2, 12};
  for (Index k = 0; k < 6; ++k) CHECK(tensor.data()[k] == wanted[k]);
  CHECK(tensor.rows() == 2);
  CHECK(tensor.cols() == 3);
  CHECK(tensor.size() == 6);
}

TEST_CASE("a range of columns is a view into the tensor") {
  Tensor tensor = numbered(2, 5);
  const MatrixView view = tensor.columns({1, 4});
  CHECK(view.rows == 2);
  CHECK(view.cols == 3);
  CHECK(view.data == tensor.data() + 2);
  const MatrixView inner = view.columns({2, 3});
  CHECK(inner.data[1] == 13);
  inner.data[1] = 77;
  CHECK(tensor(1, 3) == 77);
  const ConstMatrixView read_only = std::as_const(tensor).columns({5, 5});
  CHECK(read_only.size() == 0);
}

TEST_CASE("a moved tensor is empty and its elements stay where they were") {
  Tensor source = numbered(3, 2);
  const Scalar* const address = source.data();
  Tensor target(std::move(source));
  CHECK(target.data() == address);
  CHECK(target(2, 1) == 21);
  CHECK(source.empty());  // NOLINT(bugprone-use-after-move): what moving leaves is the point
  CHECK(source.data() == nullptr);

  Tensor assigned = numbered(1, 1);
  assigned = std::move(target);
  CHECK(assigned.data() == address);
  CHECK(assigned.rows() == 3);
}

TEST_CASE("a tensor gives its memory back to where it came from") {
  RecyclingMemory memory;
  const Scalar* address = nullptr;
  {
    const Tensor first(5, 5, &memory);
    address = first.data();
  }
  const Tensor second(5, 5, &memory);
  CHECK(second.data() == address);
  CHECK(memory.bytes_held() == 25 * sizeof(Scalar));
}

TEST_CASE("a clone is equal and apart") {
  RecyclingMemory memory;
  const Tensor original = numbered(2, 2);
  Tensor copy = original.clone(&memory);
  CHECK(memory.bytes_held() == 4 * sizeof(Scalar));
  copy(0, 0) = 5;
  CHECK(original(0, 0) == 0);
  CHECK(copy(1, 1) == original(1, 1));
}

TEST_CASE("zeros are zeros, in recycled memory too") {
  RecyclingMemory memory(colonnade::device_memory());
  {
    Tensor dirty(4, 4, &memory);
    for (Index k = 0; k < dirty.size(); ++k) dirty.data()[k] = 7;
  }
  const Tensor clean = Tensor::zeros(4, 4, &memory);
  for (Index k = 0; k < clean.size(); ++k) CHECK(clean.data()[k] == 0);
}

TEST_CASE("tensors without elements have a shape and no memory") {
  const Tensor tensor(0, 4);
  CHECK(tensor.empty());
  CHECK(tensor.cols() == 4);
  CHECK(tensor.data() == nullptr);
  CHECK(Tensor::zeros(3, 0).clone().rows() == 3);
  CHECK(Tensor().empty());
}

TEST_CASE("shapes that no memory could hold are refused") {
  const Index huge = std::numeric_limits<Index>::max();
  CHECK(
      error_of([] { Tensor(-1, 4); }).starts_with("no tensor can have this shape: found [any, 4]"));
  CHECK_FALSE(error_of([] { Tensor(4, -2); }).empty());
  CHECK_FALSE(error_of([=] { Tensor(huge / 2, 3); }).empty());
  // A count that wraps around to 0, and one that fits where its bytes do not.
  CHECK_FALSE(error_of([] { Tensor(Index{1} << 62, 4); }).empty());
  CHECK_FALSE(error_of([=] { Tensor(huge / 2, 1); }).empty());
}

TEST_CASE("check_shape says what was wanted and found, and where") {
  const Tensor x(2, 3);
  CHECK(error_of([&] { check_shape(x, 2, 3, "x [B, in]"); }).empty());
  CHECK(error_of([&] { check_shape(x, any_size, 3, "x [B, in]"); }).empty());
  CHECK(error_of([&] { check_shape(x, 2, any_size, "x [B, in]"); }).empty());
  const std::string text = error_of([&] { check_shape(x, any_size, 4, "x [B, in]"); });
  const std::string line = std::to_string(__LINE__ - 1);
  CHECK(text ==
        "wrong shape of x [B, in]: wanted [any, 4], found [2, 3] [rank 0, "
        "test_tensor.cpp:" +
            line + "]");
  CHECK_FALSE(error_of([&] { check_shape(x, 3, 3, "x [B, in]"); }).empty());
}

TEST_CASE("a summary shows shape and first element") {
  Tensor tensor(2, 32);
  tensor.set_zero();
  tensor(0, 0) = Scalar{0.0123};
  CHECK(colonnade::summarize(tensor) == "2x32[0.0123...]");
  CHECK(colonnade::summarize(Tensor(0, 4)) == "0x4[...]");
}

TEST_CASE("rows that are taken out of a matrix and put back") {
  const Tensor matrix = harness::random_matrix(7, 3, "matrix");
  Tensor rebuilt(7, 3);
  rebuilt.set_zero();
  for (const colonnade::Range rows :
       {colonnade::Range{0, 3}, colonnade::Range{3, 3}, colonnade::Range{3, 7}}) {
    const Tensor part = colonnade::rows_of(matrix, rows, colonnade::system_memory());
    CHECK(part.rows() == rows.size());
    CHECK(part.cols() == 3);
    colonnade::set_rows(part, rows.begin, rebuilt);
  }
  CHECK(harness::distance(rebuilt, matrix) == 0);
  CHECK(rebuilt(6, 2) == matrix(6, 2));
  CHECK_FALSE(error_of([&] { colonnade::set_rows(Tensor(2, 2), 0, rebuilt); }).empty());
}
