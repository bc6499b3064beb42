// The test program: `tests [--fitting] [doctest's options]`, alone or under mpiexec. --fitting runs
// the tests that declare this number of ranks and no others, which is how tools/run_tests.sh visits
// each test once for each of its counts. Without it everything runs, and a test that wanted more
// ranks is a failure.
#define DOCTEST_CONFIG_IMPLEMENT
#include "harness.hpp"

#include <mpi.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <sstream>
#include <thread>
#include <vector>

#include "colonnade/backend.hpp"
#include "colonnade/mpi.hpp"

namespace harness {

namespace {

using colonnade::Error;
using colonnade::MpiSession;
using colonnade::ProcessGroup;

// doctest calls tests and listeners without arguments of ours, so this is how they know each other.
struct State {
  MpiSession* session = nullptr;
  ProcessGroup* control = nullptr;  // the harness's own messages, apart from those of the tests
  std::ostringstream output;        // of this rank's tests
  const char* name = "";            // of the present test
  bool only_fitting = false;
  bool not_here = false;  // the present test runs on other numbers of ranks
  bool on_ranks = false;  // the body of a RANKS_TEST_CASE runs
  bool crashed = false;
  std::vector<std::int64_t> failed;  // one entry, 0 or 1, for each test that ran
  std::vector<std::filesystem::path> folders;
};
State state;

// In one write, so that the lines of several ranks don't mix.
void print_output() {
  std::istringstream lines(state.output.str());
  std::string tagged;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[doctest]")) continue;
    tagged += "[rank " + std::to_string(state.control->rank()) + "] " + line + "\n";
  }
  std::fwrite(tagged.data(), 1, tagged.size(), stdout);
  std::fflush(stdout);
}

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
    std::error_code ignored;
    for (const auto& folder : state.folders) std::filesystem::remove_all(folder, ignored);
    state.folders.clear();
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

bool declares(std::string_view declared, int ranks) {
  std::istringstream counts{std::string(declared)};
  bool found = false;
  for (int count = 0; counts >> count;) {
    if (count < 1 || count > 4) FAIL("the suites run on 1 to 4 ranks, not on " << count);
    found = found || count == ranks;
  }
  return found;
}

}  // namespace

void run_on_ranks(std::string_view declared, void (*body)(ProcessGroup&)) {
  const int ranks = state.control->size();
  if (!declares(declared, ranks)) {
    state.not_here = state.only_fitting;
    if (state.not_here) return;
    FAIL("this test runs on " << std::string(declared) << " ranks, not on " << ranks);
  }
  std::exception_ptr exception;
  {
    ProcessGroup world = state.session->world();
    state.on_ranks = true;
    try {
      body(world);
    } catch (...) {
      exception = std::current_exception();
    }
    state.on_ranks = false;
    meet(exception);
  }
  const std::int64_t failures = state.control->all_reduce<std::int64_t>(exception ? 1 : 0);
  if (exception) std::rethrow_exception(exception);
  if (failures > 0) doctest::detail::throwException();
}

void require_all(ProcessGroup& group, const std::function<bool()>& condition, const char* text,
                 const char* file, int line) {
  bool holds = false;
  std::exception_ptr exception;
  try {
    holds = condition();
  } catch (...) {
    exception = std::current_exception();
  }
  if (group.all_reduce<std::int64_t>(holds ? 0 : 1) == 0) return;
  if (exception) std::rethrow_exception(exception);
  if (!holds)
    ADD_FAIL_AT(file, line, "REQUIRE_ALL( " << std::string(text) << " ) is false on this rank");
  doctest::detail::throwException();
}

std::filesystem::path temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "colonnade-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw Error("cannot make " + name, {.found = colonnade::system_message()});
  state.folders.emplace_back(name);
  return name;
}

std::filesystem::path temporary_folder(ProcessGroup& group) {
  std::string name;
  colonnade::collectively(group, [&] {
    if (group.rank() == 0) name = temporary_folder().string();
  });
  return colonnade::gather_text(group, name)[0];
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

namespace {

int run_all(int argc, char** argv) {
  // With more ranks than cores, more threads than one would only be slow; OMP_NUM_THREADS still
  // wins.
  if (std::getenv("OMP_NUM_THREADS") == nullptr) omp_set_num_threads(1);
  doctest::Context context(argc, argv);
  context.setOption("no-colors", true);
  state.only_fitting = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return std::string_view(argument) == "--fitting";
  });
  if (state.only_fitting && state.control->size() > 1) context.addFilter("test-case", "*[ranks *");
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
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

}  // namespace harness

int main(int argc, char** argv) {
  colonnade::prepare_backend(argv);  // so that what is tested is what the program runs
  colonnade::MpiSession session(argc, argv);
  colonnade::ProcessGroup control = session.world();
  harness::state.session = &session;
  harness::state.control = &control;
  return harness::run_all(argc, argv);
}
