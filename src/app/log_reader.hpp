// Reads what `train --log` has written, also by versions that wrote less.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/file.hpp"

namespace colonnade::app {

/// A number that the log may not have, or that was not finite.
using Measured = std::optional<double>;

struct LoggedStep {
  std::int64_t step = 0;
  Measured loss, learning_rate, samples_per_second, step_ms, communication_ms;
  std::string skipped;  // why there was no update; empty: there was one
};

struct LoggedEpoch {
  std::int64_t epoch = 0;
  std::int64_t step = 0;  // the last one before it
  Measured test_loss, test_accuracy;
};

/// A part of a run: from its beginning, or from where it went on, to its end.
struct LoggedStart {
  std::int64_t after_step = 0;
  std::vector<std::pair<std::string, std::string>> facts;    // mesh, version, ...: name and value
  std::vector<std::pair<std::string, std::string>> options;  // without dashes
  std::vector<double> planned_memory;                        // bytes, by rank
};

/// What the ranks said last.
struct LoggedRanks {
  std::vector<std::string> phases;
  std::vector<std::vector<double>> seconds;  // a step, by rank and phase; none without phases
  std::vector<double> peak_memory;           // bytes, by rank
};

struct LoggedRun {
  std::vector<LoggedStep> steps;  // by number, at least one
  std::vector<LoggedEpoch> epochs;
  std::vector<LoggedStart> starts;  // empty in logs of older versions
  std::optional<LoggedRanks> ranks;
};

/// Throws an error with name and line of the first line that is none of a log's, or whose step
/// doesn't come after the one before. A last line without its end is left out: a run may be
/// writing it, or was killed as it did. Throws if there is no step at all.
LoggedRun read_log(const ByteSource& source);

}  // namespace colonnade::app
