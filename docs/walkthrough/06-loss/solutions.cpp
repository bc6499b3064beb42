// Solutions of chapter 6; exits with 1 if one is wrong.

#include <utility>

#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/random.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

Tensor random_matrix(Index rows, Index cols, const char* name) {
  const KeyedRandom random(1, name);
  Tensor m(rows, cols);
  for (Index i = 0; i < m.size(); ++i)
    m.data()[i] = static_cast<Scalar>(random.normal(static_cast<std::uint64_t>(i)));
  return m;
}

// Exercise 1: a batch of 5 rows in parts of 2 and 3. Sums add up; means of parts of different size
// don't. So the gradient of each part is divided by the rows of the whole batch.
bool parts_add_up() {
  ProcessGroup alone = ProcessGroup::self();
  const MeanSquare loss(alone, {.total = 3, .y = {0, 3}, .dy = {0, 3}});
  const Tensor y = random_matrix(5, 3, "y"), t = random_matrix(5, 3, "t");
  Loss::Output whole = loss.forward(y.clone(), t);
  const Tensor dy = loss.backward(std::move(whole.cache), t, 5);

  double sum = 0;
  Tensor in_parts(5, 3);
  for (const Range rows : {Range{0, 2}, Range{2, 5}}) {
    const Tensor t_part = rows_of(t, rows, alone.memory());
    Loss::Output part = loss.forward(rows_of(y, rows, alone.memory()), t_part);
    sum += part.sum;
    set_rows(loss.backward(std::move(part.cache), t_part, 5), rows.begin, in_parts);
  }
  return std::abs(loss.mean(sum, 5) - loss.mean(whole.sum, 5)) < 1e-12 &&
         distance(in_parts, dy) == 0;
}

// Y = X W by gradient descent; returns the loss after some steps.
double descend(ConstMatrixView x, ConstMatrixView t, Tensor& w) {
  Tensor y(x.rows, w.cols()), dy(x.rows, w.cols());
  const double share = 1.0 / static_cast<double>(y.size());
  for (int step = 0; step < 500; ++step) {
    linear_forward(x, w, y);
    squared_error_backward(y, t, share, dy);
    Tensor dw = Tensor::zeros(w.rows(), w.cols());
    linear_backward_weight(x, dy, dw);
    for (Index i = 0; i < w.size(); ++i) w.data()[i] -= 0.5 * dw.data()[i];
  }
  linear_forward(x, w, y);
  return squared_error_forward(y, t) * share;
}

// Exercise 2: with a target of zero the loss falls as nicely as with a real one. What is learned is
// W = 0. With a target that a weight V has made, it is V.
bool target_of_zero_teaches_nothing() {
  const Tensor x = random_matrix(8, 3, "x"), v = random_matrix(3, 2, "v");
  Tensor t(8, 2), w = random_matrix(3, 2, "w"), w_of_zero = w.clone();
  linear_forward(x, v, t);
  const double loss = descend(x, t, w);
  const double loss_of_zero = descend(x, Tensor::zeros(8, 2), w_of_zero);
  const bool both_fell = loss < 1e-6 && loss_of_zero < 1e-6;
  return both_fell && distance(w, v) < 1e-2 && distance(w_of_zero, Tensor::zeros(3, 2)) < 1e-2;
}

}  // namespace

int main() {
  const bool first = check("1: parts of a batch add up", parts_add_up());
  const bool second =
      check("2: both losses fall, one teaches nothing", target_of_zero_teaches_nothing());
  return first && second ? 0 : 1;
}
