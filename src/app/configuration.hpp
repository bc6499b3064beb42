// What a command's options say about the work itself, as text: for comparing ranks with one another
// and a run with the one that it goes on from.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/options.hpp"
#include "colonnade/agreement.hpp"

namespace colonnade::app {

using Configuration = std::vector<std::pair<std::string, std::string>>;

/// Option name, without dashes, and value, for every option that decides what is computed: not
/// where files are, nor what is shown, nor with how many threads. `--NAME=VALUE` of all of them
/// gives the same options again. What isn't given and has no value of its own is left out.
Configuration describe(const TrainOptions& options);
Configuration describe(const BenchOptions& options);
Configuration describe(const CheckOptions& options);
Configuration describe(const DemoOptions& options);
Configuration describe(const ExplainOptions& options);
Configuration describe(const PredictOptions& options);

/// What all ranks must be started with alike: build, command, and of its options those that decide
/// what is computed or in which collectives a rank takes part. Where data are read from, and how
/// many threads a rank has, is its own business.
std::vector<Fact> facts_of(const CommandLine& line);

}  // namespace colonnade::app
