// A training step beside the limit of the machine for it: the matrix products alone, AdamW's bytes
// at the rate of a copy, and the communication that the step waits for; all measured in turn with
// the step, on all ranks at once.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "colonnade/mlp.hpp"

namespace bench {

/// A step of a network whose layers are all of one width.
struct Shape {
  colonnade::Index batch, width;
};

inline constexpr colonnade::Index layers = 4;

inline colonnade::MlpOptions network(colonnade::Index width) {
  return {.widths = std::vector<colonnade::Index>(layers + 1, width), .activate_last = true};
}

/// Seconds of a step and of the parts of its limit.
struct Round {
  double step, products, update, communication;
  double limit() const { return products + update + communication; }
};

/// `parameters` are those of this rank; `products` and `step` compute what they are called.
/// Collective.
inline std::vector<Round> measure_rounds(ProcessGroup& world, int count,
                                         colonnade::Index parameters,
                                         const std::function<void()>& products,
                                         const std::function<void()>& step) {
  using namespace colonnade;
  // A copy through as much memory as AdamW's four numbers a parameter take. It moves 4 of them;
  // AdamW moves 7: it reads all, and writes all but the gradient.
  const Tensor from = Tensor::zeros(2 * parameters, 1);
  Tensor to = Tensor::zeros(2 * parameters, 1);
  const auto bytes = static_cast<std::size_t>(from.size()) * sizeof(Scalar);
  const double bytes_to_copies = 7.0 / 4;

  products();
  std::vector<Round> rounds;
  for (int i = 0; i < count; ++i) {
    Round round{};
    round.products = measure_once(world, products);
    round.update =
        bytes_to_copies * measure_once(world, [&] { copy_bytes(from.data(), to.data(), bytes); });
    Traffic traffic;
    round.step = measure_once(world, [&] {
      const Traffic before = world.total_traffic();
      step();
      traffic = world.total_traffic() - before;
    });
    // Of the rank that waited least for others.
    round.communication = world.all_reduce(traffic.seconds, Reduction::min);
    rounds.push_back(round);
  }
  return rounds;
}

/// `flops` are those of the products of all ranks; `products` says whose they are in the limit.
inline void print_rounds(const ProcessGroup& world, const std::vector<Round>& rounds, double flops,
                         const std::string& products_alone) {
  using namespace colonnade;
  const auto median = [&](auto&& number) {
    std::vector<double> numbers;
    for (const Round& round : rounds) numbers.push_back(number(round));
    return median_of(std::move(numbers));
  };
  const auto print_times = [&](const std::string& name, const Times& times,
                               const std::string& remark) {
    print(world, name, render_duration(times.median), spread(times) + remark);
  };
  const auto percent = [](double part) { return render_fixed(100 * part, 1) + " %"; };
  const auto rate = [&](const Times& times) {
    return ", " + render_fixed(flops / times.median * 1e-9, 1) + " GFLOP/s";
  };
  const Times step = median([](const Round& round) { return round.step; });
  print_times("a step", step, rate(step));
  const Times products = median([](const Round& round) { return round.products; });
  print_times(products_alone, products, rate(products));
  print_times("AdamW's bytes at a copy's rate",
              median([](const Round& round) { return round.update; }), "");
  print_times("communication in the step",
              median([](const Round& round) { return round.communication; }), "");
  const Times part = median([](const Round& round) { return round.limit() / round.step; });
  print(world, "of the limit", percent(part.median),
        "(" + percent(part.smallest) + " to " + percent(part.largest) +
            "): the last three over the first");
}

}  // namespace bench
