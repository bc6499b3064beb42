// AdamW on a weight whose columns two ranks share out: each updates its own, with moments of its
// own, and sends nothing.

#include "colonnade/optimizer.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index rows = 2, columns = 4;
constexpr AdamWOptions options = {.learning_rate = 0.1};

// The columns of W [2, 4] that one of `ranks` ranks owns, with a gradient as backward leaves it
// there: complete. In the second row it is about a thousandth of what it is in the first.
Parameter part_of_w(int rank, int ranks) {
  Parameter w = make_parameter({.name = "w",
                                .rows = rows,
                                .cols = columns,
                                .owned_rows = {0, rows},
                                .owned_cols = shard_range(columns, ranks, rank)});
  fill_normal(w, 1, 1);
  const Tensor dw = matrix({{2.0, -0.5, 1.0, 4.0},  //
                            {0.001, 0.003, -0.002, 0.001}});
  w.grad = Tensor::copy_of(dw.columns(w.owned_cols));
  return w;
}

// The moments of W after `steps` updates, which change w.
AdamW updated(Parameter* w, int steps) {
  AdamW optimizer(std::span(&w, 1), options);
  for (int step = 0; step < steps; ++step) optimizer.step();
  return optimizer;
}

Tensor difference(const Tensor& a, const Tensor& b) {
  Tensor d = a.clone();
  for (Index i = 0; i < d.size(); ++i) d.data()[i] -= b.data()[i];
  return d;
}

bool update_in_parts(ProcessGroup& group) {
  Parameter whole = part_of_w(0, 1);
  updated(&whole, 1);  // on one rank: what the two must come to

  Parameter w = part_of_w(group.rank(), group.size());
  const Tensor before = w.value.clone();
  const Traffic sent_before = group.total_traffic();
  const AdamW optimizer = updated(&w, 1);
  const Traffic sent = group.total_traffic() - sent_before;

  const AdamW::Moments& kept = optimizer.moments().front();
  say_all(group, "has columns " + std::to_string(w.owned_cols.begin) + " to " +
                     std::to_string(w.owned_cols.end - 1) + " of W:\n" + show(before, 4) +
                     "  their gradient:\n" + show(w.grad, 4) + "  each element has moved by:\n" +
                     show(difference(w.value, before), 4) + "  it keeps " +
                     std::to_string(kept.first.size()) + " + " +
                     std::to_string(kept.second.size()) + " moments for that\n");

  const Tensor want = Tensor::copy_of(whole.value.columns(w.owned_cols));
  const bool same = check(group, "one rank alone gets the same bits", distance(w.value, want) == 0);
  return check(group, "nothing was sent", sent.calls == 0) && same;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool right = update_in_parts(group);
    if (group.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
