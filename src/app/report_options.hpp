// The options of the commands that look at what a training has left: `report` and `predict`.
#pragma once

#include <CLI/CLI.hpp>

#include "app/options.hpp"

namespace colonnade::app {

void add_report_options(CLI::App& command, ReportOptions& report);
void add_predict_options(CLI::App& command, PredictOptions& predict);

}  // namespace colonnade::app
