// The body of a RANKS_TEST_CASE on its ranks, processes or threads, and how they meet afterwards.
#include <mpi.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "colonnade/backend.hpp"
#include "colonnade/device_memory.hpp"
#include "colonnade/mpi.hpp"
#include "colonnade/spawn.hpp"
#include "harness.hpp"
#include "harness_state.hpp"
#include "mpi_transport.hpp"

namespace harness {

namespace {

using colonnade::ProcessGroup;

// The most ranks that a test may declare. run_tests.sh visits up to 4 as processes, which cost
// more.
constexpr int most_threads = 8;

std::string text_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "a failed REQUIRE";
  }
}

// Returns once every rank has left the test's body. A rank that left it by an exception waits for
// ten seconds only: by then the others wait in a collective for this one, and all must end. The
// wait sleeps, because ranks that share a core would else keep each other from arriving.
void meet(const std::exception_ptr& exception) {
  using Clock = std::chrono::steady_clock;
  const auto patience = Clock::now() + std::chrono::seconds(10);
  MPI_Request everyone = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &everyone);
  int arrived = 0;
  while (MPI_Test(&everyone, &arrived, MPI_STATUS_IGNORE), arrived == 0) {
    if (exception && Clock::now() > patience) {
      state.output << "left alone with " << text_of(exception) << "\nwhile others wait for it\n";
      print_output();
      state.session->abort(EXIT_FAILURE);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

struct Declared {
  std::vector<int> counts;
  bool processes_only = false;
  bool over_mpi = false;  // not through memory

  bool includes(int ranks) const {
    return std::find(counts.begin(), counts.end(), ranks) != counts.end();
  }
};

Declared parse(std::string_view declared) {
  Declared result;
  std::istringstream words{std::string(declared)};
  for (std::string word; words >> word;) {
    if (word == "processes" || word == "mpi") {
      result.processes_only = true;
      result.over_mpi = word == "mpi";
      continue;
    }
    int first = 0, last = 0;
    const int read = std::sscanf(word.c_str(), "%d-%d", &first, &last);
    if (read == 1) last = first;
    if (read < 1 || first < 1 || last < first || last > most_threads)
      FAIL("ranks are counts from 1 to " << most_threads << " as in 1-8, not " << word);
    for (int ranks = first; ranks <= last; ++ranks) result.counts.push_back(ranks);
  }
  return result;
}

/// Where device memory is out of the host's reach, ranks have GPUs as in the program, as many as
/// there are.
void choose_gpu(ProcessGroup& world) {
  if (colonnade::host_reaches_device_memory()) return;
  colonnade::choose_backend_device(world.rank(), world.size(), true);
  world.device_chosen();
}

ProcessGroup world_of_processes(bool over_mpi) {
  if (over_mpi) return state.session->world(colonnade::TransportChoice::mpi);
  if (!state.node.empty()) return world_on_nodes(state.node);
  return state.session->world();
}

void run_on_processes(bool over_mpi, void (*body)(ProcessGroup&)) {
  std::exception_ptr exception;
  {
    ProcessGroup world = world_of_processes(over_mpi);
    try {
      choose_gpu(world);
      body(world);
    } catch (...) {
      exception = std::current_exception();
    }
    meet(exception);
  }
  const std::int64_t failures = state.control->all_reduce<std::int64_t>(exception ? 1 : 0);
  if (exception) std::rethrow_exception(exception);
  if (failures > 0) doctest::detail::throwException();
}

// Of all that a rank reports the context says whose it is. An exception ends the others through
// spawn, and then the test.
void run_on_threads(int ranks, void (*body)(ProcessGroup&)) {
  const int openmp_threads = omp_get_max_threads();
  colonnade::spawn(ranks, [&](ProcessGroup& world) {
    omp_set_num_threads(openmp_threads);  // OpenMP keeps it for each thread
    const std::string whose =
        "rank " + std::to_string(world.rank()) + " of " + std::to_string(ranks) + " threads";
    INFO(whose);
    try {
      choose_gpu(world);
      body(world);
    } catch (const std::exception& error) {
      FAIL_CHECK("left by an exception: " << std::string(error.what()));
      doctest::detail::throwException();
    }
  });
}

}  // namespace

ProcessGroup world_on_nodes(const std::vector<int>& node) {
  int rank = 0;
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_dup(MPI_COMM_WORLD, &copy);
  return ProcessGroup(colonnade::make_transport(
      copy, {.allowed = true, .crowded = true, .node = node.at(static_cast<std::size_t>(rank))}));
}

void run_on_ranks(std::string_view declared, void (*body)(ProcessGroup&)) {
  const Declared ranks = parse(declared);
  const int processes = state.control->size();
  if (state.on_threads ? ranks.processes_only : !ranks.includes(processes)) {
    state.not_here = state.on_threads || state.only_fitting;
    if (state.not_here) return;
    FAIL("this test runs on " << std::string(declared) << " ranks, not on " << processes);
  }
  struct OnRanks {
    OnRanks() { state.on_ranks = true; }
    ~OnRanks() { state.on_ranks = false; }
  } const on_ranks;
  if (!state.on_threads) return run_on_processes(ranks.over_mpi || state.over_mpi, body);
  for (const int count : ranks.counts) run_on_threads(count, body);
}

}  // namespace harness
