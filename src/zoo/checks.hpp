// The checks that a network of the zoo is held to. None of them knows what is wrong, or what would
// be right: each holds the code, with its mistake, against itself in another way.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "colonnade/check.hpp"
#include "zoo/network.hpp"

namespace colonnade::zoo {

using MakeNetwork = std::function<std::unique_ptr<Network>(ProcessGroup&)>;

/// Every check that applies to this network on this number of ranks. Collective; the same answer on
/// all ranks.
std::vector<CheckLine> hold_to_checks(ProcessGroup& group, const MakeNetwork& make);

/// Optimizer steps, as many as asked for. Returns the loss before each of them, and after the last.
/// Collective; the numbers are those of rank 0.
std::vector<double> train(Network& network, std::int64_t steps);

}  // namespace colonnade::zoo
