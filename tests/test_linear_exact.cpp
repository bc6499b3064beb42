// The products of a weight in logical shards: right, and with the same bits however many of the
// shards are at hand, on any number of threads and at any address.
#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::distance;
using harness::random_matrix;
using harness::run_of_shards;
using harness::same_bits;
using harness::Shifted;
using harness::Threads;
using Axis = WeightShards::Axis;

namespace {

/// Some are smaller than any vector, some have a single row or column in a shard, some are cut into
/// several tiles both ways; most are prime.
struct Shape {
  Index n, k, m;
};
constexpr Shape shapes[] = {{1, 1, 1},      {3, 5, 2},    {1, 17, 11},   {2, 8, 8},
                            {5, 17, 23},    {13, 10, 31}, {64, 33, 200}, {127, 200, 10},
                            {300, 530, 70}, {61, 70, 530}};

struct Operands {
  explicit Operands(const Shape& shape)
      : x(random_matrix(shape.n, shape.k, "x")),
        w(random_matrix(shape.k, shape.m, "w")),
        dz(random_matrix(shape.n, shape.m, "dz")) {}
  Tensor x, w, dz;
};

struct Products {
  Tensor z, dx, dw;
};

bool same_products(const Products& a, const Products& b) {
  return same_bits(a.z, b.z) && same_bits(a.dx, b.dx) && same_bits(a.dw, b.dw);
}

/// Eight shards, or as many as fit.
Index shard_count(Index length) {
  return std::min<Index>(8, static_cast<Index>(std::bit_floor(static_cast<std::size_t>(length))));
}

Products products(ConstMatrixView x, ConstMatrixView w, ConstMatrixView dz,
                  const WeightShards& shards) {
  Products out{Tensor(x.rows, w.cols), Tensor(x.rows, w.rows), Tensor::zeros(w.rows, w.cols)};
  linear_forward(x, w, out.z, shards);
  linear_backward_input(dz, w, out.dx, shards);
  linear_backward_weight(x, dz, out.dw, shards);
  return out;
}

Tensor rows_of(ConstMatrixView matrix, Range rows) {
  Tensor part(rows.size(), matrix.cols);
  for (Index j = 0; j < matrix.cols; ++j) {
    std::copy_n(matrix.data + j * matrix.rows + rows.begin, rows.size(),
                part.data() + j * rows.size());
  }
  return part;
}

void set_rows(MatrixView matrix, Range rows, ConstMatrixView part) {
  for (Index j = 0; j < matrix.cols; ++j) {
    std::copy_n(part.data + j * rows.size(), rows.size(),
                matrix.data + j * matrix.rows + rows.begin);
  }
}

void set_columns(MatrixView matrix, Range cols, ConstMatrixView part) {
  std::copy_n(part.data, part.size(), matrix.columns(cols).data);
}

/// The sum of matrices along the tree, by hand.
Tensor sum_of(std::vector<Tensor> items) {
  std::vector<Tensor> stack;
  sum_along_tree(
      static_cast<Index>(items.size()),
      [&](Index i) { stack.push_back(std::move(items[static_cast<std::size_t>(i)])); },
      [&] {
        const Tensor top = std::move(stack.back());
        stack.pop_back();
        for (Index i = 0; i < top.size(); ++i) stack.back().data()[i] += top.data()[i];
      });
  return std::move(stack.front());
}

/// What `parts` ranks compute, each with its run of the shards, put together.
Products products_in_parts(const Operands& in, Axis axis, Index parts) {
  const bool outputs = axis == Axis::outputs;
  const Index length = outputs ? in.w.cols() : in.w.rows();
  const Index count = shard_count(length);
  Products out{Tensor(in.x.rows(), in.w.cols()), Tensor(in.x.rows(), in.w.rows()),
               Tensor(in.w.rows(), in.w.cols())};
  std::vector<Tensor> partial;
  for (Index part = 0; part < parts; ++part) {
    const Index first = part * count / parts, last = (part + 1) * count / parts;
    const std::vector<Range> run = run_of_shards(length, count, first, last);
    const Index begin = shard_range(length, count, first).begin;
    const Range own = {begin, begin + run.back().end};
    if (outputs) {
      Products mine = products(in.x, in.w.columns(own), in.dz.columns(own), {axis, run});
      set_columns(out.z, own, mine.z);
      set_columns(out.dw, own, mine.dw);
      partial.push_back(std::move(mine.dx));
    } else {
      Products mine = products(in.x.columns(own), rows_of(in.w, own), in.dz, {axis, run});
      set_columns(out.dx, own, mine.dx);
      set_rows(out.dw, own, mine.dw);
      partial.push_back(std::move(mine.z));
    }
  }
  (outputs ? out.dx : out.z) = sum_of(std::move(partial));
  return out;
}

/// Calls check(operands, axis, number of shards, what `context` says of them).
template <class Check>
void for_each_case(Check&& check) {
  for (const Shape& shape : shapes) {
    const Operands in(shape);
    for (const Axis axis : {Axis::outputs, Axis::inputs}) {
      CAPTURE(shape.n);
      CAPTURE(shape.k);
      CAPTURE(shape.m);
      CAPTURE((axis == Axis::outputs));
      check(in, axis, shard_count(axis == Axis::outputs ? shape.m : shape.k));
    }
  }
}

}  // namespace

TEST_CASE("products of shards are the products") {
  for_each_case([](const Operands& in, Axis axis, Index) {
    const Products got = products_in_parts(in, axis, 1);
    const Products want = products(in.x, in.w, in.dz, {});
    CHECK(distance(got.z, want.z) <= harness::rounding);
    CHECK(distance(got.dx, want.dx) <= harness::rounding);
    CHECK(distance(got.dw, want.dw) <= harness::rounding);
  });
}

TEST_CASE("products of shards have the same bits for any number of parts and threads") {
  for_each_case([](const Operands& in, Axis axis, Index shards) {
    const Products want = products_in_parts(in, axis, 1);
    for (const int threads : {1, 2, 3}) {
      const Threads set(threads);
      for (Index parts = 1; parts <= shards; parts *= 2) {
        CAPTURE(threads);
        CAPTURE(parts);
        CHECK(same_products(products_in_parts(in, axis, parts), want));
      }
    }
  });
}

TEST_CASE("a weight so large that its columns are packed in groups has the same bits in parts") {
  const Operands in({3, 1100, 2503});
  CHECK(same_products(products_in_parts(in, Axis::outputs, 1),
                      products_in_parts(in, Axis::outputs, 8)));
}

TEST_CASE("products of shards have the same bits at any address") {
  for_each_case([](const Operands& in, Axis axis, Index shards) {
    const Index length = axis == Axis::outputs ? in.w.cols() : in.w.rows();
    const std::vector<Range> ranges = run_of_shards(length, shards, 0, shards);
    const Products want = products(in.x, in.w, in.dz, {axis, ranges});
    for (const Index offset : {1, 3, 8}) {
      CAPTURE(offset);
      const Shifted x(in.x, offset), w(in.w, offset + 1), dz(in.dz, offset + 2);
      CHECK(same_products(products(x, w, dz, {axis, ranges}), want));
      Shifted z(want.z, offset), dx(want.dx, offset),
          dw(Tensor::zeros(in.w.rows(), in.w.cols()), offset);
      linear_forward(in.x, in.w, z, {axis, ranges});
      linear_backward_input(in.dz, in.w, dx, {axis, ranges});
      linear_backward_weight(in.x, in.dz, dw, {axis, ranges});
      CHECK(same_bits(z, want.z));
      CHECK(same_bits(dx, want.dx));
      CHECK(same_bits(dw, want.dw));
    }
  });
}

TEST_CASE("a second batch's weight gradient is added when it is complete") {
  // A gradient of two micro-batches, be they one after the other on one rank or on one rank each.
  for_each_case([](const Operands& in, Axis axis, Index shards) {
    const Index length = axis == Axis::outputs ? in.w.cols() : in.w.rows();
    const std::vector<Range> ranges = run_of_shards(length, shards, 0, shards);
    const Tensor other = random_matrix(in.x.rows(), in.x.cols(), "another x");
    Tensor first = Tensor::zeros(in.w.rows(), in.w.cols()), second = first.clone();
    linear_backward_weight(in.x, in.dz, first, {axis, ranges});
    linear_backward_weight(other, in.dz, second, {axis, ranges});
    Tensor both = first.clone();
    linear_backward_weight(other, in.dz, both, {axis, ranges});
    std::vector<Tensor> halves;
    halves.push_back(std::move(first));
    halves.push_back(std::move(second));
    CHECK(same_bits(both, sum_of(std::move(halves))));
  });
}

TEST_CASE("a product over more shards than a small tree has is the tree of the shards' products") {
  for (const Index shards : {16, 17, 32}) {
    CAPTURE(shards);
    const Index length = 2 * shards + 3;
    const Tensor x = random_matrix(5, length, "x"), w = random_matrix(length, 9, "w");
    const std::vector<Range> ranges = run_of_shards(length, shards, 0, shards);
    Tensor z(5, 9);
    linear_forward(x, w, z, {Axis::inputs, ranges});
    std::vector<Tensor> parts;
    for (const Range range : ranges) {
      parts.emplace_back(5, 9);
      const Range all[] = {{0, range.size()}};
      linear_forward(x.columns(range), rows_of(w, range), parts.back(), {Axis::inputs, all});
    }
    CHECK(same_bits(z, sum_of(std::move(parts))));
  }
}

TEST_CASE("products of shards leave the number of threads as it was") {
  const Operands in({64, 64, 64});
  const Threads three(3);
  products_in_parts(in, Axis::outputs, 1);
  CHECK(omp_get_max_threads() == 3);
  const Operands tiny({2, 8, 8});
  products_in_parts(tiny, Axis::outputs, 1);
  CHECK(omp_get_max_threads() == 3);
}

TEST_CASE("shards that leave a gap, overlap or don't reach the end are refused") {
  const Operands in({2, 6, 4});
  Tensor z(2, 4);
  const auto error = [&](Axis axis, std::vector<Range> ranges) {
    return harness::error_of([&] { linear_forward(in.x, in.w, z, {axis, ranges}); });
  };
  CHECK(error(Axis::outputs, {{0, 2}, {2, 4}}) == "");
  CHECK(error(Axis::inputs, {{0, 2}, {2, 6}}) == "");
  const std::string text = error(Axis::outputs, {{0, 2}, {3, 4}});
  CHECK(text.find("w [k, m], its m outputs") != std::string::npos);
  CHECK(text.find("wanted consecutive ranges from 0 to 4, found [0, 2) [3, 4)") !=
        std::string::npos);
  CHECK(error(Axis::outputs, {{0, 2}, {1, 4}}) != "");
  CHECK(error(Axis::outputs, {{0, 2}, {2, 6}}) != "");
  CHECK(error(Axis::inputs, {{0, 2}, {2, 4}}).find("its k inputs") != std::string::npos);
  CHECK(error(Axis::outputs, {{2, 4}}) != "");
}
