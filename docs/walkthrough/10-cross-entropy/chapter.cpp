// Cross-entropy over classes that stay cut: two ranks have three logits of each row, and send four
// numbers a row for the loss, whatever the number of classes.

#include "colonnade/gradient_check.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index rows = 2, classes = 6;

Tensor logits() {
  return matrix({{2.0, 1.0, 0.0, -1.0, 3.0, 0.5},  //
                 {0.0, 4.0, 1.0, 5.0, 0.0, -2.0}});
}
Tensor one_hot() {                    // row 0 is of class 4, row 1 of class 1
  return matrix({{0, 0, 0, 0, 1, 0},  //
                 {0, 1, 0, 0, 0, 0}});
}

struct Forward {
  double loss;
  std::vector<double> largest;
  std::vector<double> sums;  // of exp(d), then of t d, then of d: a number a row each
  Tensor exponentials;       // exp(d), own columns
};

// l and t [rows, own columns], d = l - largest.
Forward forward(ProcessGroup& group, const Tensor& l, const Tensor& t) {
  Forward f{0, std::vector<double>(rows), std::vector<double>(3 * rows), l.clone()};
  row_largest(l, f.largest);
  group.all_reduce(std::span(f.largest), Reduction::max);
  cross_entropy_forward(f.exponentials, t, f.largest, f.sums);
  group.all_reduce(std::span(f.sums));
  for (std::size_t i = 0; i < rows; ++i) f.loss += (std::log(f.sums[i]) - f.sums[rows + i]) / rows;
  return f;
}

// What the two messages bring to a rank, of each row.
std::string m_and_s(const Forward& f) {
  char text[80];
  std::snprintf(text, sizeof text, "  m = %.0f and %.0f, s = %.3f and %.3f\n", f.largest[0],
                f.largest[1], f.sums[0], f.sums[1]);
  return text;
}

// The loss of all classes on one rank, by its definition.
double definition() {
  const Tensor l = logits(), t = one_hot();
  double loss = 0;
  for (Index i = 0; i < rows; ++i) {
    double sum = 0, at_target = 0;
    for (Index j = 0; j < classes; ++j) {
      sum += std::exp(l(i, j));
      at_target += t(i, j) * l(i, j);
    }
    loss -= std::log(std::exp(at_target) / sum) / rows;
  }
  return loss;
}

bool small_example(ProcessGroup& group) {
  const Range own = Sharding(classes, group.size(), "classes").range(group.rank());
  const Tensor all = logits(), all_t = one_hot();
  Tensor l = Tensor::copy_of(all.columns(own));
  const Tensor t = Tensor::copy_of(all_t.columns(own));
  const Forward f = forward(group, l, t);
  Tensor dl(rows, own.size());
  cross_entropy_backward(f.exponentials, t, std::span(f.sums).first(rows), 0, classes, 1.0 / rows,
                         dl);

  say_all(group, "has the logits\n" + show(l, 1) + m_and_s(f) + "  exp(l - m)\n" +
                     show(f.exponentials, 3) + "  and dl\n" + show(dl, 3));
  const Tensor want = numerical_gradient(group, l, [&] { return forward(group, l, t).loss; });
  const double error = largest_error(group, gradient_error(dl, want).relative);
  const bool loss_is_right =
      check(group, "the loss is that of the definition", std::abs(f.loss - definition()) < 1e-12);
  const bool dl_is_right = check(group, "dl is the gradient, to 1e-6", error <= gradient_tolerance);
  return loss_is_right && dl_is_right;
}

// What a rank sends for the loss of many classes, forward and backward, by the library's Loss.
bool count_messages(ProcessGroup& group) {
  const Index many = 32'000;
  const Range own = Sharding(many, group.size(), "classes").range(group.rank());
  const CrossEntropy loss(group, {.total = many, .y = own, .dy = own}, 0, false);
  Tensor t = Tensor::zeros(rows, many);
  for (Index i = 0; i < rows; ++i) t(i, 7) = 1;

  const Traffic before = group.total_traffic();
  auto [sum, cache] = loss.forward(sample_data(rows, own.size(), 1, "logits"), t);
  loss.backward(std::move(cache), t, rows);
  const Index sent = (group.total_traffic() - before).bytes_sent / (8 * rows);
  if (group.rank() == 0)
    std::printf("of %td classes a rank sends %td numbers a row; to gather the logits, %td\n", many,
                sent, own.size());
  return check(group, "2 (P - 1) / P times four numbers", sent == 4);
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool small = small_example(group);
    const bool large = count_messages(group);
    if (group.rank() == 0) fine = small && large;
  });
  return fine ? 0 : 1;
}
