// What `colonnade bench` found out, on the screen and as a file.
#pragma once

#include <string>
#include <vector>

#include "app/bench_result.hpp"

namespace colonnade::app {

/// `checked: ...`, with the largest relative difference that was seen.
void print_check(double difference);

void print_limits(const BenchResult& result);

/// The step against its limit, and the table of its parts.
void print_step(const BenchResult& result);

/// How a result came about, as its file says it.
struct BenchOrigin {
  std::vector<std::string> arguments;  // of the program
  std::string transport;
  std::vector<std::string> devices;  // of each rank
};

/// Every figure, with units in the names: _s seconds, _per_s a second. The file is replaced as a
/// whole. Throws if it can't be written.
void write_json(const std::string& path, const BenchResult& result, const BenchOrigin& origin);

}  // namespace colonnade::app
