// Elementwise ops and sums where bits count: an element's result depends on its value alone, and a
// sum on the values and their order, wherever in memory they lie and however many threads there
// are.
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/tree_sum.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;
using harness::same_bits;
using harness::Shifted;
using harness::Threads;
using Axis = WeightShards::Axis;

namespace {

constexpr Activation activations[] = {Activation::identity, Activation::relu, Activation::gelu_tanh,
                                      Activation::gelu_erf};

// More than two chunks, and a last one that is no multiple of a vector. Beside parts of it that
// begin and end anywhere.
constexpr Index size = 1291;
constexpr std::array<Range, 5> parts = {
    {{1, 1290}, {511, 514}, {513, 1291}, {700, 701}, {3, 1031}}};

ConstMatrixView elements(const Tensor& matrix, Range range) {
  return {matrix.data() + range.begin, range.size(), 1};
}

}  // namespace

TEST_CASE("an activation depends on its element alone, not on where it lies") {
  const Tensor before = random_matrix(size, 1, "z");
  for (const Activation activation : activations) {
    Tensor z = before.clone(), y(size, 1);
    activation_forward(activation, {}, z, y);
    for (const Range part : parts) {
      CAPTURE(to_string(activation));
      CAPTURE(part.begin);
      Shifted part_z(elements(before, part), part.begin % 16);
      Shifted part_y(elements(before, part), part.end % 16);
      activation_forward(activation, {}, part_z, part_y);
      CHECK(same_bits(part_y, elements(y, part)));
      CHECK(same_bits(part_z, elements(z, part)));
    }
  }
}

TEST_CASE("an activation's bits don't depend on the columns beside it") {
  const Tensor before = random_matrix(37, 60, "z"), bias = random_matrix(1, 60, "bias");
  Tensor z = before.clone(), y(37, 60);
  activation_forward(Activation::gelu_tanh, bias, z, y);
  for (const Range range : {Range{0, 1}, Range{7, 31}, Range{59, 60}}) {
    Tensor part = Tensor::copy_of(before.columns(range)), part_y(37, range.size());
    activation_forward(Activation::gelu_tanh, bias.columns(range), part, part_y);
    CHECK(same_bits(part_y, y.columns(range)));
    CHECK(same_bits(part, z.columns(range)));
  }
}

TEST_CASE("a bias gradient has the same bits at any address and on any number of threads") {
  for (const Index rows : {1, 5, 33, 515}) {
    const Tensor dy = random_matrix(rows, 90, "dy"), derivative = random_matrix(rows, 90, "s'");
    Tensor want_dz = derivative.clone(), want = Tensor::zeros(1, 90);
    activation_backward(dy, want_dz, want);
    for (const Index offset : {1, 2, 7}) {
      const Threads threads(static_cast<int>(offset % 3) + 1);
      const Shifted at(dy, offset);
      Shifted dz(derivative, offset + 1), db(Tensor::zeros(1, 90), offset);
      activation_backward(at, dz, db);
      CHECK(same_bits(db, want));
      CHECK(same_bits(dz, want_dz));
    }
  }
}

TEST_CASE("an AdamW update depends on its element alone, not on where it lies") {
  const AdamWCoefficients c{0.01, 0.9, 0.99, 1e-6, 0.1, 0.1, 0.01, 0.37};
  const Tensor g = random_matrix(size, 1, "g"), before = random_matrix(size, 1, "w");
  Tensor w = before.clone(), m = random_matrix(size, 1, "m"), v = random_matrix(size, 1, "v");
  for (Index i = 0; i < size; ++i) v.data()[i] *= v.data()[i];
  const Tensor m_before = m.clone(), v_before = v.clone();
  adamw_update(c, g, w, m, v);
  for (const Range part : parts) {
    CAPTURE(part.begin);
    Shifted part_w(elements(before, part), 1), part_m(elements(m_before, part), 2),
        part_v(elements(v_before, part), 3);
    adamw_update(c, elements(g, part), part_w, part_m, part_v);
    CHECK(same_bits(part_w, elements(w, part)));
    CHECK(same_bits(part_m, elements(m, part)));
    CHECK(same_bits(part_v, elements(v, part)));
  }
}

TEST_CASE("an AdamW update that zeroes the gradient does nothing else otherwise") {
  const AdamWCoefficients c{0.01, 0.9, 0.99, 1e-6, 0.1, 0.1, 0.01, 0.37};
  for (const Index count : {size, Index{70'000}}) {  // for one thread, and for several
    const Threads threads(3);
    const Tensor g = random_matrix(count, 1, "g");
    Tensor w = random_matrix(count, 1, "w"), m = Tensor::zeros(count, 1), v = m.clone();
    Tensor used = g.clone(), w2 = w.clone(), m2 = m.clone(), v2 = v.clone();
    adamw_update(c, g, w, m, v);
    adamw_update_and_zero(c, used, w2, m2, v2);
    CHECK(same_bits(w2, w));
    CHECK(same_bits(m2, m));
    CHECK(same_bits(v2, v));
    CHECK(same_bits(used, Tensor::zeros(count, 1)));
  }
}

TEST_CASE("AdamW scales the gradient before all else, and by 1 not at all") {
  const Tensor g = random_matrix(size, 1, "g");
  Tensor scaled(size, 1);
  for (Index i = 0; i < size; ++i) scaled.data()[i] = static_cast<Scalar>(0.25) * g.data()[i];
  struct State {
    Tensor w = random_matrix(size, 1, "w"), m = Tensor::zeros(size, 1), v = Tensor::zeros(size, 1);
  };
  const auto update = [](double gradient_scale, const Tensor& gradient) {
    State state;
    adamw_update({0.01, 0.9, 0.99, 1e-6, 0.1, 0.1, 0.01, gradient_scale}, gradient, state.w,
                 state.m, state.v);
    return state;
  };
  const State by_op = update(0.25, g), by_hand = update(1, scaled);
  CHECK(same_bits(by_op.w, by_hand.w));
  CHECK(same_bits(by_op.m, by_hand.m));
  CHECK(same_bits(by_op.v, by_hand.v));
  CHECK_FALSE(same_bits(by_op.m, update(1, g).m));
}

TEST_CASE("sums of squares are right and the same bits at any address and on any threads") {
  const Tensor y = random_matrix(517, 97, "y"), t = random_matrix(517, 97, "t");
  const double error = squared_error_forward(y, t), squares = sum_of_squares(y);
  double want = 0;
  for (Index i = 0; i < y.size(); ++i) want += double{y.data()[i]} * double{y.data()[i]};
  CHECK(std::abs(squares - want) <= want * 1e-13);
  for (const Index offset : {1, 2, 5}) {
    const Threads threads(static_cast<int>(offset % 3) + 1);
    const Shifted other_y(y, offset), other_t(t, offset + 1);
    CHECK(same_bits(squared_error_forward(other_y, other_t), error));
    CHECK(same_bits(sum_of_squares(other_y), squares));
  }
}

TEST_CASE("a sum of squares by shards is the tree of its shards' sums") {
  const Tensor matrix = random_matrix(43, 29, "g");
  for (const Axis axis : {Axis::outputs, Axis::inputs}) {
    for (const Index shards : {1, 2, 3, 4, 8}) {
      const Index length = axis == Axis::outputs ? 29 : 43;
      std::vector<Range> ranges;
      std::vector<double> stack;
      sum_along_tree(
          shards,
          [&](Index i) {
            const Range range = shard_range(length, shards, i);
            ranges.push_back(range);
            Tensor part = axis == Axis::outputs ? Tensor::copy_of(matrix.columns(range))
                                                : Tensor(range.size(), 29);
            for (Index j = 0; axis == Axis::inputs && j < 29; ++j) {
              for (Index row = 0; row < range.size(); ++row) {
                part(row, j) = matrix(range.begin + row, j);
              }
            }
            stack.push_back(sum_of_squares(part));
          },
          [&] {
            const double top = stack.back();
            stack.pop_back();
            stack.back() += top;
          });
      CHECK(same_bits(sum_of_squares(matrix, {axis, ranges}), stack[0]));
    }
  }
  const std::vector<Range> wrong = {{0, 29}};
  CHECK(harness::error_of([&] { sum_of_squares(matrix, {Axis::inputs, wrong}); }) != "");
}
