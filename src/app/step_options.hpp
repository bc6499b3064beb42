// The options of commands that run steps without training: bench, check, demo, explain, zoo.
#pragma once

#include <CLI/CLI.hpp>

#include "app/options.hpp"

namespace colonnade::app {

void add_bench_options(CLI::App& command, BenchOptions& bench);
void add_check_options(CLI::App& command, CheckOptions& check);
void add_demo_options(CLI::App& command, DemoOptions& demo);
void add_explain_options(CLI::App& command, ExplainOptions& explain);
void add_zoo_options(CLI::App& command, ZooOptions& zoo);

}  // namespace colonnade::app
