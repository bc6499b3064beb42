// The mean-square loss of an output that two ranks have in full, and the columns of its gradient
// that each of them wants.

#include <utility>

#include "colonnade/gradient_check.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

Tensor output() {
  return matrix({{1, 0, 2, -1, 3},  //
                 {0, 2, 1, 1, -2}});
}
Tensor target() {
  return matrix({{1, 1, 0, -1, 1},  //
                 {0, 0, 1, 2, -2}});
}

// L = (1 / (n m)) sum of (Y - T)^2, on all of Y.
double loss_by_hand(ConstMatrixView y, ConstMatrixView t) {
  return squared_error_forward(y, t) / static_cast<double>(y.rows * y.cols);
}

// dY[:, r] = 2 (Y[:, r] - T[:, r]) / (n m): the columns are the rank's own, the mean is over all.
Tensor gradient_by_hand(ConstMatrixView y, ConstMatrixView t, Range own) {
  const double share = 1.0 / static_cast<double>(y.rows * y.cols);
  Tensor dy(y.rows, own.size());
  squared_error_backward(y.columns(own), t.columns(own), share, dy);
  return dy;
}

bool compare(ProcessGroup& group) {
  Tensor y = output();
  const Tensor t = target();
  const Sharding cut(y.cols(), group.size(), "the outputs");
  const Range own = cut.range(group.rank());

  const std::int64_t before = group.total_traffic().calls;
  const double loss = loss_by_hand(y, t);
  const Tensor dy = gradient_by_hand(y, t, own);
  const std::int64_t calls = group.total_traffic().calls - before;

  char line[64];
  std::snprintf(line, sizeof line, "has the loss %.4f and its columns of dY:\n", loss);
  say_all(group, line + show(dy, 2));
  say_all(group, "called " + std::to_string(calls) + " collectives for it\n");

  // Y is one tensor with a copy on each rank, so all ranks change it together.
  const Tensor by_differences = numerical_gradient(y, [&] { return loss_by_hand(y, t); });
  if (group.rank() == 0)
    std::printf("dY by central differences:\n%s\n", show(by_differences, 2).c_str());
  bool right =
      check(group, "dY agrees to below 1e-8", distance(dy, by_differences.columns(own)) < 1e-8);

  const MeanSquare library(group, {.total = cut.total(), .y = {0, cut.total()}, .dy = own});
  Loss::Output result = library.forward(y.clone(), t);
  right &=
      check(group, "the library's loss is the same", library.mean(result.sum, y.rows()) == loss);
  const Tensor of_library = library.backward(std::move(result.cache), t, y.rows());
  return check(group, "and its gradient", distance(of_library, dy) == 0) && right;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool right = compare(group);
    if (group.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
