// What a test includes. TEST_CASE is doctest's and runs on one rank. A test of several ranks says
// on how many it runs, and gets a group of its own whose traffic counters start at zero:
//
//     RANKS_TEST_CASE("broadcast reaches every rank", "1-8") {
//       const std::int64_t sum = world.all_reduce<std::int64_t>(1);
//       CHECK(sum == world.size());
//     }
//
// "1-8", "2-5", "1 2 4" and "3" name counts of ranks, up to 8. The ranks are processes with MPI, on
// 1 to 4 of the counts, and threads of one process, on all of them. "processes 1-4" leaves the
// threads out, for tests of what a process has only one of; "mpi 1-4" too, and its processes share
// no memory, for tests of MPI itself. A body that threads share has no static variables and doesn't
// change its process.
//
// Run on any other number of ranks it fails. After its body all ranks meet, and if one failed by an
// exception they all leave: the next test starts in step.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "colonnade/process_group.hpp"

// doctest keeps the text of INFO and CAPTURE for each thread, but when an exception passes them it
// collects them in one place, where ranks that are threads must take turns.
#undef DOCTEST_INFO_IMPL
#define DOCTEST_INFO_IMPL(builder, stream, ...)                                                \
  const harness::Context DOCTEST_ANONYMOUS(DOCTEST_CAPTURE_)([&](std::ostream* stream) {       \
    doctest::detail::MessageBuilder builder(__FILE__, __LINE__, doctest::assertType::is_warn); \
    builder.m_stream = stream;                                                                 \
    builder* __VA_ARGS__;                                                                      \
  })

#define RANKS_TEST_CASE(name, ranks) \
  RANKS_TEST_CASE_NAMED(DOCTEST_ANONYMOUS(ranks_test_body_), name, ranks)
#define RANKS_TEST_CASE_NAMED(body, name, ranks)    \
  static void body(colonnade::ProcessGroup& world); \
  TEST_CASE(name " [ranks " ranks "]") {            \
    harness::run_on_ranks(ranks, body);             \
  }                                                 \
  static void body([[maybe_unused]] colonnade::ProcessGroup& world)

/// REQUIRE for a condition on which ranks may differ, before something collective: one rank that
/// left alone would leave the others waiting. Collective over `group`.
#define REQUIRE_ALL(group, ...) \
  harness::require_all(         \
      group, [&] { return static_cast<bool>(__VA_ARGS__); }, #__VA_ARGS__, __FILE__, __LINE__)

namespace harness {

std::mutex& context_mutex();

template <class Print>
class Context final : public doctest::detail::ContextScopeBase {
 public:
  explicit Context(const Print& print) : print_(print) {}
  ~Context() override {
    const std::lock_guard lock(context_mutex());
    destroy();
  }
  void stringify(std::ostream* stream) const override { print_(stream); }

 private:
  Print print_;
};

void run_on_ranks(std::string_view declared, void (*body)(colonnade::ProcessGroup&));

/// All processes of the job as if rank i were on the node of this number: those of a node share
/// memory. Collective.
colonnade::ProcessGroup world_on_nodes(const std::vector<int>& node);

void require_all(colonnade::ProcessGroup& group, const std::function<bool()>& condition,
                 const char* text, const char* file, int line);

/// An empty folder that is removed when the present test case has ended on all ranks.
std::filesystem::path temporary_folder();

/// The same folder on every rank of a group (ranks of one machine). Collective.
std::filesystem::path temporary_folder(colonnade::ProcessGroup& group);

/// What the test program does when a test case has ended.
void remove_temporary_folders();

/// The text of the Error that `work` throws, empty if it throws none.
std::string error_of(const std::function<void()>& work);

}  // namespace harness
