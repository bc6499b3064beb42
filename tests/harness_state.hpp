// What the test program (harness.cpp) and the ranks of a test (harness_ranks.cpp) know of each
// other.
#pragma once

#include <cstdint>
#include <sstream>
#include <vector>

#include "colonnade/mpi.hpp"
#include "colonnade/process_group.hpp"

namespace harness {

// doctest calls tests and listeners without arguments of ours, so this is how they know each other.
struct State {
  colonnade::MpiSession* session = nullptr;
  /// For the harness's own messages, apart from those of the tests.
  colonnade::ProcessGroup* control = nullptr;
  std::ostringstream output;  // of this rank's tests
  const char* name = "";      // of the present test
  bool only_fitting = false;
  bool on_threads = false;  // ranks are threads of this process
  bool over_mpi = false;    // else processes use shared memory where they can
  std::vector<int> node;    // of each process, where nodes are pretended
  bool not_here = false;    // the present test runs on other numbers of ranks
  bool on_ranks = false;    // the body of a RANKS_TEST_CASE runs
  bool crashed = false;
  std::vector<std::int64_t> failed;  // one entry, 0 or 1, for each test that ran
};
extern State state;

/// What this rank's tests have said so far.
void print_output();

}  // namespace harness
