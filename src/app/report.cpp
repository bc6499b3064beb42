// `colonnade report`: logs of runs as one page of charts.
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/log_reader.hpp"
#include "app/outputs.hpp"
#include "app/report_page.hpp"
#include "colonnade/file.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

void check_options(const ReportOptions& options) {
  const char* const wanted = "colonnade report LOG... -o page.html";
  if (options.logs.empty()) throw Error("no log to report on", {.wanted = wanted});
  if (options.output.empty()) throw Error("no place for the page", {.wanted = wanted});
  NamedPaths logs;
  for (const std::string& path : options.logs) logs.emplace_back("a log", path);
  check_output("-o", options.output, logs);
}

void report(const ReportOptions& options) {
  check_options(options);
  const std::vector<std::string> names = names_of_runs(options.logs);
  std::vector<NamedRun> runs;
  std::size_t steps = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    runs.push_back({names[i], read_log(File::open(options.logs[i]))});
    steps += runs.back().run.steps.size();
  }
  replace_file(options.output, report_page(runs));
  std::printf(
      "%s: %zu %s, %s %s\n", options.output.c_str(), runs.size(), runs.size() == 1 ? "run" : "runs",
      render_count(static_cast<std::int64_t>(steps)).c_str(), steps == 1 ? "step" : "steps");
}

}  // namespace

int run_report(ProcessGroup& world, const ReportOptions& options) {
  collectively(world, [&] {
    if (world.rank() == 0) report(options);
  });
  return 0;
}

}  // namespace colonnade::app
