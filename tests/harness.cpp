// The test program: `tests [--fitting] [--over-mpi] [doctest's options]`, alone or under mpiexec.
// --fitting runs the tests that declare this number of ranks and no others, which is how
// tools/run_tests.sh visits each test once for each of its counts. Without it everything runs, and
// a test that wanted more ranks is a failure. `tests --threads`, alone, runs the tests of several
// ranks on threads, each on all of its counts. Processes share memory where they can, and with
// --over-mpi they don't. `--nodes=2+1` lets three processes believe that the first two are on one
// node and the third on another.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "harness.hpp"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "colonnade/backend.hpp"
#include "colonnade/device_memory.hpp"
#include "colonnade/mpi.hpp"
#include "harness_state.hpp"

namespace harness {

State state;

// In one write, so that the lines of several ranks don't mix.
void print_output() {
  std::istringstream lines(state.output.str());
  std::string tagged;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[doctest]")) continue;
    if (!state.on_threads) tagged += "[rank " + std::to_string(state.control->rank()) + "] ";
    tagged += line + "\n";
  }
  std::fwrite(tagged.data(), 1, tagged.size(), stdout);
  std::fflush(stdout);
}

namespace {

// A test that takes longer than this hangs, most likely because ranks wait for different things.
constexpr unsigned test_seconds = 60;

// Nothing but write is safe in a handler. The other ranks are ended by mpiexec, which sees that
// this one left without a word to MPI.
void end_hanging_test(int /*signal*/) {
  for (const char* text : {"this test takes too long: ", state.name, "\n"}) {
    if (write(STDOUT_FILENO, text, std::strlen(text)) < 0) break;
  }
  _exit(EXIT_FAILURE);
}

// Counts test cases; prints what is known when a signal ends the run, as then main will not.
class Tally final : public doctest::IReporter {
 public:
  explicit Tally(const doctest::ContextOptions& /*options*/) {}
  void test_case_start(const doctest::TestCaseData& test) override {
    state.not_here = false;
    state.name = test.m_name;
    alarm(test_seconds);
  }
  void test_case_exception(const doctest::TestCaseException& exception) override {
    state.crashed = state.crashed || exception.is_crash;
  }
  void test_case_end(const doctest::CurrentTestCaseStats& test) override {
    alarm(0);
    if (!state.not_here) state.failed.push_back(test.failure_flags == 0 ? 0 : 1);
    remove_temporary_folders();
  }
  void test_run_end(const doctest::TestRunStats& /*run*/) override {
    if (state.crashed) print_output();
  }
  void report_query(const doctest::QueryData& /*query*/) override {}
  void test_run_start() override {}
  void test_case_reenter(const doctest::TestCaseData& /*test*/) override {}
  // doctest runs a test again for each of its subcases. A rank whose run ended early would not know
  // how many are left, and fall out of step.
  void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {
    if (state.on_ranks) FAIL("a RANKS_TEST_CASE cannot have a SUBCASE; write two, or a loop");
  }
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& /*assertion*/) override {}
  void log_message(const doctest::MessageData& /*message*/) override {}
  void test_case_skipped(const doctest::TestCaseData& /*test*/) override {}
};
REGISTER_LISTENER("tally", 1, Tally);

/// 0 0 1 of 2+1.
std::vector<int> parse_nodes(const std::string& sizes) {
  std::vector<int> node;
  std::istringstream words(sizes);
  int number = 0;
  for (std::string size; std::getline(words, size, '+'); ++number)
    node.insert(node.end(), static_cast<std::size_t>(std::atoi(size.c_str())), number);
  return node;
}

// On a machine that can't run ops, a build for GPUs there, tests say so in the place of failing.
int skip_all(doctest::Context& context, const std::string& why) {
  const char* const count[] = {"tests", "--count"};
  context.applyCommandLine(2, count);
  std::streambuf* const console = std::cout.rdbuf(state.output.rdbuf());
  context.run();
  std::cout.rdbuf(console);
  const std::string text = state.output.str();  // `... passing the current filters: 512`
  const std::size_t number = text.rfind(": ");
  if (state.control->rank() == 0) {
    std::cout << "SKIPPED "
              << std::atoi(text.c_str() + (number == std::string::npos ? 0 : number + 2)) << ": "
              << why << std::endl;
  }
  return EXIT_SUCCESS;
}

int run_all(int argc, char** argv) {
  // With more ranks than cores, more threads than one would only be slow; OMP_NUM_THREADS still
  // wins.
  if (std::getenv("OMP_NUM_THREADS") == nullptr) omp_set_num_threads(1);
  doctest::Context context(argc, argv);
  context.setOption("no-colors", true);
  const std::vector<std::string_view> options(argv + 1, argv + argc);
  const auto has = [&](std::string_view start) {
    return std::any_of(options.begin(), options.end(),
                       [=](std::string_view option) { return option.starts_with(start); });
  };
  state.only_fitting = has("--fitting");
  state.on_threads = has("--threads");
  state.over_mpi = has("--over-mpi");
  for (const std::string_view option : options)
    if (option.starts_with("--nodes=")) state.node = parse_nodes(std::string(option.substr(8)));
  if (!state.node.empty() && std::ssize(state.node) != state.control->size()) {
    std::fputs("tests --nodes wants as many ranks as mpiexec starts\n", stderr);
    return EXIT_FAILURE;
  }
  if (state.on_threads && state.control->size() > 1) {
    std::fputs("tests --threads runs without mpiexec\n", stderr);
    return EXIT_FAILURE;
  }
  const bool several = state.on_threads || (state.only_fitting && state.control->size() > 1);
  if (several && !has("--test-case=") && !has("-tc=")) context.addFilter("test-case", "*[ranks *");
  if (const std::string why = colonnade::why_no_device(); !why.empty()) {
    return skip_all(context, why);
  }
  std::signal(SIGALRM, end_hanging_test);
  std::streambuf* const console = std::cout.rdbuf(state.output.rdbuf());
  const int verdict = context.run();
  std::cout.rdbuf(console);
  if (context.shouldExit()) {  // a query such as --list-test-cases
    if (state.control->rank() == 0) std::cout << state.output.str();
    return verdict;
  }

  if (verdict != 0) print_output();
  state.control->barrier();
  state.control->all_reduce(std::span(state.failed), colonnade::Reduction::max);
  const auto failed = std::count(state.failed.begin(), state.failed.end(), 1);
  if (state.control->rank() == 0) {
    std::cout << "PASSED " << state.failed.size() - static_cast<std::size_t>(failed) << " FAILED "
              << failed << std::endl;
  }
  if (state.failed.empty() && state.control->rank() == 0)
    std::fputs("tests: none of this name runs on these ranks\n", stderr);
  return failed == 0 && !state.failed.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

}  // namespace harness

int main(int argc, char** argv) {
  colonnade::prepare_backend(argv);  // so that what is tested is what the program runs
  // Tests look at single elements of tensors. Those of transports need not, and see with this
  // option what the program has.
  const bool out_of_reach =
      std::find(argv + 1, argv + argc, std::string_view("--out-of-reach")) != argv + argc;
  if (!out_of_reach && colonnade::why_no_device().empty())
    colonnade::let_host_reach_device_memory();
  colonnade::MpiSession session(argc, argv);
  colonnade::ProcessGroup control = session.world();
  harness::state.session = &session;
  harness::state.control = &control;
  return harness::run_all(argc, argv);
}
