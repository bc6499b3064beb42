// Solutions of chapter 5; exits with 1 if one is wrong.

#include "colonnade/random.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index rows = 4, columns = 7;

// Other numbers for each name.
Tensor random_matrix(Index cols, const std::string& name) {
  const KeyedRandom random(1, name);
  Tensor m(rows, cols);
  for (Index i = 0; i < m.size(); ++i)
    m.data()[i] = static_cast<Scalar>(random.normal(static_cast<std::uint64_t>(i)));
  return m;
}

double dot(ConstMatrixView a, ConstMatrixView b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += a.data[i] * b.data[i];
  return sum;
}

// Exercise 1: <F x, g> = <x, F' g>, summed over ranks, for F the all-gather and F' the
// reduce-scatter. x is this rank's columns, g a matrix of its own.
bool adjoint(ProcessGroup& group) {
  const Sharding cut(columns, group.size(), "columns");
  const Range own = cut.range(group.rank());
  const std::string rank = std::to_string(group.rank());
  const Tensor x = random_matrix(own.size(), "x" + rank), g = random_matrix(columns, "g" + rank);

  Tensor gathered(rows, columns);
  for (Index i = 0; i < x.size(); ++i) gathered.columns(own).data[i] = x.data()[i];
  GatherColumns::forward(group, cut, gathered);
  const Tensor scattered = GatherColumns::backward(group, cut, g);

  const double left = group.all_reduce(dot(gathered, g));
  const double right = group.all_reduce(dot(x, scattered));
  return std::abs(left - right) < 1e-10;
}

// Exercise 2: a gradient that is complete on every rank must not be summed. The reduce-scatter
// makes it P times too large; one's own columns of it are right, and need no message.
bool complete_must_not_be_summed(ProcessGroup& group) {
  const Sharding cut(columns, group.size(), "columns");
  const Range own = cut.range(group.rank());
  const Tensor complete = random_matrix(columns, "the same on every rank");
  const Tensor summed = GatherColumns::backward(group, cut, complete);

  Tensor too_large(rows, own.size());
  for (Index i = 0; i < too_large.size(); ++i)
    too_large.data()[i] = group.size() * complete.columns(own).data[i];
  return distance(summed, too_large) < 1e-12;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(3, [&](ProcessGroup& group) {
    const bool first = check(group, "1: gather and reduce-scatter are adjoint", adjoint(group));
    const bool second = check(group, "2: a sum of a complete gradient is 3 times too large",
                              complete_must_not_be_summed(group));
    if (group.rank() == 0) fine = first && second;
  });
  return fine ? 0 : 1;
}
