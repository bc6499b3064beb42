// Who is missing: ranks that come late on purpose, once the watchdog has named them.
#include "colonnade/watchdog.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "colonnade/spawn.hpp"
#include "harness.hpp"

using namespace colonnade;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr double patience = 0.5;

/// A watchdog of this rank alone, as a process has it, whose reports the others can read.
class Watched {
 public:
  explicit Watched(ProcessGroup& world)
      : folder_(harness::temporary_folder(world)),
        watchdog_(std::in_place, patience, writer(world)) {
    watchdog_->watch(world);
    world.barrier();  // a last place
  }

  /// As if this process had died.
  void die() { watchdog_.reset(); }

  /// Comes back when the watchdog of this rank has reported.
  std::string report_of(int rank) const {
    const std::filesystem::path path = file(rank);
    while (!std::filesystem::exists(path))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::string line;
    std::getline(std::ifstream(path), line);
    return line;
  }

 private:
  std::filesystem::path file(int rank) const {
    return folder_ / ("report-" + std::to_string(rank));
  }

  Watchdog::Report writer(const ProcessGroup& world) const {
    return [path = file(world.rank())](const std::string& line) {
      const std::filesystem::path other_name = path.string() + ".new";
      std::ofstream(other_name) << line;
      std::filesystem::rename(other_name, path);
    };
  }

  std::filesystem::path folder_;
  std::optional<Watchdog> watchdog_;
};

/// The ranks before `last`, as a sentence has them.
std::string ranks_before(int last) {
  if (last == 1) return "rank 0 is ";
  return last == 2 ? "ranks 0, 1 are " : "ranks 0-" + std::to_string(last - 1) + " are ";
}

}  // namespace

RANKS_TEST_CASE("a rank that computes while the others wait is named with its last place", "2-4") {
  const Watched watched(world);
  const int last = world.size() - 1;
  const int layer = world.account("layers.2");
  const AccountScope charge = world.charge(layer, Phase::backward);
  if (world.rank() == last) {
    const std::string report = watched.report_of(0);
    CAPTURE(report);
    CHECK(report.starts_with("rank 0 has waited for "));
    CHECK(contains(report, "rank " + std::to_string(last) + " is computing after barrier #"));
    CHECK(contains(report, ranks_before(last) + "in layers.2 backward all-reduce #"));
  }
  world.all_reduce(1.0);
}

RANKS_TEST_CASE("a rank that doesn't answer is stopped or dead", "3") {
  Watched watched(world);
  const int last = world.size() - 1;
  if (world.rank() == last) {
    watched.die();
    const std::string report = watched.report_of(0);
    CAPTURE(report);
    CHECK(contains(report, "rank " + std::to_string(last) + " is not answering: stopped or dead"));
    CHECK(contains(report, ranks_before(last) + "in barrier #"));
  }
  world.barrier();
}

// Over MPI they wait where a sum is started, for there the fingerprints are compared.
RANKS_TEST_CASE("ranks that wait for sums they have started are waiting too", "2 4") {
  const Watched watched(world);
  const int last = world.size() - 1;
  std::vector<double> a(10), b(10);
  if (world.rank() == last) {
    const std::string report = watched.report_of(0);
    CAPTURE(report);
    CHECK(contains(report, "rank " + std::to_string(last) + " is computing after barrier #"));
    CHECK(contains(report, ranks_before(last) + (world.transport_name().starts_with("mpi")
                                                     ? "in all-reduce #"
                                                     : "waiting for the end of all-reduce #")));
  }
  world.start_all_reduce(std::span(a));
  world.start_all_reduce(std::span(b));
  world.finish();
}

RANKS_TEST_CASE("ranks that wait for common memory are waiting too", "2-4") {
  // Of several nodes each has common memory of its own.
  if (world.common_memory() == world.memory() || world.transport_name() == "mpi+shared") return;
  const Watched watched(world);
  const int last = world.size() - 1;
  ProcessGroup part = world.split(0, world.rank(), "tp");
  if (world.rank() == last) {
    const std::string report = watched.report_of(0);
    CAPTURE(report);
    CHECK(contains(report, "rank " + std::to_string(last) + " is computing after split #"));
    CHECK(contains(report, ranks_before(last) + "in allocation of common memory"));
  }
  void* const tensor = part.common_memory()->allocate(1000, tensor_alignment);
  part.common_memory()->deallocate(tensor, 1000, tensor_alignment);
}

// 0 waits for 1 in a row, 1 for 3 in a column, 2 for 3 in a row.
RANKS_TEST_CASE("ranks that wait in different groups are named with their groups", "4") {
  const Watched watched(world);
  const int rank = world.rank();
  ProcessGroup row = world.split(rank / 2, rank, "tp"), column = world.split(rank % 2, rank, "dp");
  if (rank == 3) {
    const std::string report = watched.report_of(0);
    CAPTURE(report);
    CHECK(contains(report, "rank 1 is in barrier #1 of dp; rank 3 is computing after split #"));
    CHECK(contains(report, "ranks 0, 2 are in barrier #1 of tp"));
  }
  if (rank % 2 == 1) column.barrier();
  row.barrier();
}

TEST_CASE("ranks that are threads of a process share its watchdog") {
  std::atomic<bool> reported = false;
  std::string report;
  Watchdog watchdog(patience, [&](const std::string& line) {
    report = line;
    reported = true;
  });
  spawn(3, [&](ProcessGroup& world) {
    watchdog.watch(world);
    while (world.rank() == 1 && !reported)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    world.barrier();
  });
  CAPTURE(report);
  CHECK(contains(report, "rank 0 has waited for "));
  CHECK(contains(report, "rank 1 is yet to call a collective; ranks 0, 2 are in barrier #"));
}

TEST_CASE("a rank that computes is not waiting, for however long") {
  std::atomic<int> reports = 0;
  Watchdog watchdog(patience, [&](const std::string&) { ++reports; });
  spawn(1, [&](ProcessGroup& world) {
    watchdog.watch(world);
    world.barrier();
    std::this_thread::sleep_for(std::chrono::duration<double>(2 * patience));
  });
  CHECK(reports == 0);
}

RANKS_TEST_CASE("watched ranks train, count and split as others do", "1-4") {
  const Watched watched(world);
  const std::int64_t calls = world.total_traffic().calls;
  ProcessGroup half = world.split(world.rank() % 2, 0);
  CHECK(half.all_reduce<std::int64_t>(1) == half.size());
  std::vector<double> numbers(100, 1.0);
  world.start_all_reduce(std::span(numbers));
  world.finish();
  CHECK(numbers[99] == world.size());
  CHECK(world.total_traffic().calls == calls + 1);
  CHECK(half.total_traffic().calls == 1);
}
