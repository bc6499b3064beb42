#include "zoo/checks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "check_tally.hpp"
#include "colonnade/checksum.hpp"
#include "colonnade/gradient_check.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/optimizer.hpp"
#include "colonnade/sample_data.hpp"

namespace colonnade::zoo {

namespace {

/// How far another order of adding may take a number, relative to the largest of its tensor: a sum
/// of n numbers errs by n eps at most, a forward and backward of three layers is six on end of
/// fifteen numbers, 2e-14, and what adds up to it may be ten times larger itself.
constexpr double rounding = 2e-13;

/// Steps after which parameters are compared. A gradient that is off by d moves an update by about
/// d, each step adds to that, and a factor of 10 is for what moved parameters do to later
/// gradients.
constexpr std::int64_t compared_steps = 5;
constexpr double rounding_after_steps = 10 * compared_steps * rounding;

/// Adds how far a rank's block is from its part of a whole tensor, relative to the largest of it.
void compare(const Parameter& part, const Tensor& got, const Tensor& whole, CheckTally& tally) {
  double scale = 0;
  for (Index i = 0; i < whole.size(); ++i) scale = std::max(scale, std::abs(whole.data()[i]));
  const GradientError error = gradient_error(got, block_of(whole, part), scale);
  tally.add(error.relative, [&] {
    return part.name + " [" + std::to_string(part.owned_rows.begin + error.row) + ", " +
           std::to_string(part.owned_cols.begin + error.col) + "]";
  });
  tally.count(got.size());
}

/// dL/dw of the loss of all ranks, by the block of a parameter that this one holds.
Tensor differences(Network& network, Parameter& parameter) {
  const auto loss = [&] { return network.loss(); };
  // A replicated tensor is one tensor: all ranks change the same element together.
  if (parameter.replicated) return numerical_gradient(parameter.value, loss);
  return numerical_gradient(network.group(), parameter.value, loss);
}

CheckLine check_differences(Network& network) {
  network.compute_gradients();
  CheckTally tally;
  for (Parameter* parameter : network.parameters()) {
    const Tensor want = differences(network, *parameter);
    const GradientError error = gradient_error(parameter->grad, want);
    tally.add(error.relative, [&] { return parameter->name; });
    tally.count(want.size());
  }
  return tally.line(network.group(), "central differences", gradient_tolerance);
}

// --- Against the same code on one rank ----------------------------------------------------------

CheckLine compare_outputs(Network& network, Network& alone) {
  CheckTally tally;
  const GradientError error = gradient_error(network.output(), alone.output());
  tally.add(error.relative, [&] {
    return "[" + std::to_string(error.row) + ", " + std::to_string(error.col) + "]";
  });
  tally.count(1);
  return tally.line(network.group(), "parity of outputs", rounding);
}

CheckLine compare_parameters(Network& network, Network& alone, Tensor Parameter::*tensor,
                             const std::string& what, double bound) {
  CheckTally tally;
  const auto parts = network.parameters(), wholes = alone.parameters();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    compare(*parts[i], parts[i]->*tensor, wholes[i]->*tensor, tally);
  }
  return tally.line(network.group(), what, bound);
}

CheckLine compare_norms(Network& network, double got, double want) {
  CheckTally tally;
  tally.add(std::abs(got - want) / want, [] { return std::string("the norm"); });
  tally.count(1);
  return tally.line(network.group(), "parity of norms", rounding);
}

// --- Between ranks ------------------------------------------------------------------------------

std::int64_t bits_of(const Tensor& tensor) {
  const std::span elements(tensor.data(), static_cast<std::size_t>(tensor.size()));
  return static_cast<std::int64_t>(checksum(elements));
}

/// The error is how many ranks have other bits than rank 0.
CheckLine check_replicas(Network& network) {
  CheckTally tally;
  for (const Replica& replica : network.replicas()) {
    const std::vector<std::int64_t> sums = network.group().all_gather(bits_of(replica.value));
    const auto others =
        std::count_if(sums.begin(), sums.end(), [&](std::int64_t sum) { return sum != sums[0]; });
    tally.add(static_cast<double>(others), [&] { return replica.name; });
    tally.count(1);
  }
  return tally.line(network.group(), "comparison of ranks", 0);
}

bool has_cut_weights(Network& network) {
  const auto parameters = network.parameters();
  return !std::all_of(parameters.begin(), parameters.end(),
                      [](const Parameter* parameter) { return parameter->replicated; });
}

/// Of parameters that are cut, no two blocks may be alike, on whatever rank and in whatever layer.
/// The error is how many are.
CheckLine check_initial_values(Network& network) {
  std::vector<std::int64_t> sums;
  for (const Parameter* parameter : network.parameters()) {
    if (parameter->replicated) continue;
    for (const std::int64_t sum : network.group().all_gather(bits_of(parameter->value))) {
      sums.push_back(sum);
    }
  }
  std::sort(sums.begin(), sums.end());
  const auto different = std::unique(sums.begin(), sums.end()) - sums.begin();
  CheckTally tally;
  tally.add(static_cast<double>(std::ssize(sums) - different),
            [] { return std::string("blocks of initial values"); });
  tally.count(std::ssize(sums));
  return tally.line(network.group(), "repeated values", 0);
}

// --- Regions ------------------------------------------------------------------------------------

double dot(ConstMatrixView a, ConstMatrixView b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += a.data[i] * b.data[i];
  return sum;
}

/// <F x, g> = <x, F' g>, summed over ranks. Relative to the sizes of the factors, as either product
/// may happen to be small.
CheckLine check_adjoint(Network& network, const Passage& passage) {
  ProcessGroup& group = network.group();
  const std::string rank = std::to_string(group.rank());
  const Index rows = network.batch(), own = passage.cut.range(group.rank()).size();
  const Tensor x = sample_data(rows, own, 0, "x of rank " + rank);
  const Tensor g = sample_data(rows, passage.cut.total(), 0, "g of rank " + rank);
  const Tensor fx = passage.forward(x), fg = passage.backward(g);
  const double left = group.all_reduce(dot(fx, g)), right = group.all_reduce(dot(x, fg));
  const double scale = std::sqrt(group.all_reduce(dot(fx, fx)) * group.all_reduce(dot(g, g)));
  CheckTally tally;
  tally.add(std::abs(left - right) / scale, [] { return std::string("between two layers"); });
  tally.count(1);
  return tally.line(group, "adjoint identity", rounding);
}

// --- Counted work -------------------------------------------------------------------------------

/// Calls and bytes of forward, loss and backward, by kind of collective.
using Sent = std::array<std::array<std::int64_t, 2>, collective_count>;

Sent planned(const Network& network) {
  const Job job = network.job();
  const int rank = network.group().rank();
  const bool copies = job.mesh.dp > 1;
  const Range rows =
      copies ? shard_range(network.batch(), job.mesh.dp, rank) : Range{0, network.batch()};
  Sent sent{};
  for (const LedgerLine& line :
       predict_traffic(job, copies ? 0 : rank, copies ? rank : 0, std::span(&rows, 1))) {
    if (line.group != (copies ? "dp" : "tp")) continue;  // the other one is a rank alone
    if (line.account == "norm" || (copies && line.account == "loss")) continue;
    auto& [calls, bytes] = sent[static_cast<std::size_t>(line.kind)];
    calls += line.calls;
    bytes += line.bytes_sent;
  }
  return sent;
}

Sent counted(const ProcessGroup& group) {
  Sent sent{};
  for (std::size_t kind = 0; kind < collective_count; ++kind) {
    const Traffic& traffic = group.traffic(static_cast<Collective>(kind));
    sent[kind] = {traffic.calls, traffic.bytes_sent};
  }
  return sent;
}

/// The errors are how many bytes of a kind of collective were sent beyond the plan, or not, and by
/// how much all ranks' products are off, relative to what is needed.
void check_work(Network& network, std::vector<CheckLine>& lines) {
  ProcessGroup& group = network.group();
  const Sent want = planned(network), before = counted(group);
  const std::optional<double> flops_before = network.flops();
  network.compute_gradients();
  const Sent after = counted(group);
  const std::optional<double> flops_after = network.flops();

  if (group.size() > 1) {  // alone nothing is sent
    CheckTally traffic;
    for (std::size_t kind = 0; kind < collective_count; ++kind) {
      const std::int64_t calls = after[kind][0] - before[kind][0] - want[kind][0];
      const std::int64_t bytes = after[kind][1] - before[kind][1] - want[kind][1];
      traffic.add(static_cast<double>(std::abs(bytes) + (bytes == 0 ? std::abs(calls) : 0)),
                  [&] { return std::string(to_string(static_cast<Collective>(kind))); });
      traffic.count(1);
    }
    lines.push_back(traffic.line(group, "counted bytes", 0));
  }
  if (!flops_before) return;
  ProcessGroup self = ProcessGroup::self();
  const double needed = Mlp(self, network.job().model).step_flops(network.batch());
  CheckTally products;
  products.add(std::abs(group.all_reduce(*flops_after - *flops_before) / needed - 1),
               [] { return std::string("all products together"); });
  products.count(1);
  lines.push_back(products.line(group, "counted products", rounding));
}

}  // namespace

std::vector<double> train(Network& network, std::int64_t steps) {
  AdamWOptions options;
  options.learning_rate = 1e-2;
  const std::vector<Parameter*> parameters = network.parameters();
  AdamW optimizer(parameters, options);
  std::vector<double> losses = {network.loss()};
  for (std::int64_t step = 0; step < steps; ++step) {
    network.compute_gradients();
    optimizer.step(1, network.update_scale());
    losses.push_back(network.loss());
  }
  network.group().broadcast(std::span(losses), 0);
  return losses;
}

std::vector<CheckLine> hold_to_checks(ProcessGroup& group, const MakeNetwork& make) {
  ProcessGroup self = ProcessGroup::self();
  const std::unique_ptr<Network> network = make(group), alone = make(self);
  std::vector<CheckLine> lines;
  if (has_cut_weights(*network)) lines.push_back(check_initial_values(*network));
  lines.push_back(check_differences(*network));
  if (const auto passage = network->passage()) lines.push_back(check_adjoint(*network, *passage));

  lines.push_back(compare_outputs(*network, *alone));
  network->compute_gradients();
  alone->compute_gradients();
  lines.push_back(
      compare_parameters(*network, *alone, &Parameter::grad, "parity of gradients", rounding));
  if (const auto norm = network->gradient_norm()) {
    lines.push_back(compare_norms(*network, *norm, *alone->gradient_norm()));
  }
  check_work(*network, lines);

  train(*network, compared_steps);
  train(*alone, compared_steps);
  lines.push_back(compare_parameters(*network, *alone, &Parameter::value,
                                     "parity after " + std::to_string(compared_steps) + " steps",
                                     rounding_after_steps));
  lines.push_back(check_replicas(*network));
  return lines;
}

}  // namespace colonnade::zoo
