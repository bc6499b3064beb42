// Ranks in different collectives: named at once, on every rank, whatever it is that differs.
#include "colonnade/fingerprint.hpp"

#include <atomic>
#include <functional>
#include <vector>

#include "colonnade/spawn.hpp"
#include "colonnade/watchdog.hpp"
#include "harness.hpp"

using namespace colonnade;
using harness::error_of;

namespace {

const std::string different = "ranks that must meet are in different collectives: ";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Only watched ranks compare fingerprints over MPI. These waits are too short to be reported.
class Watched {
 public:
  explicit Watched(ProcessGroup& world) : watchdog_(1000, [](const std::string&) {}) {
    watchdog_.watch(world);
  }

 private:
  Watchdog watchdog_;
};

}  // namespace

TEST_CASE("a fingerprint reads as place, phase, kind, number and group") {
  Fingerprint call;
  call.group = ShortText<9>("tp");
  call.sequence = 118;
  CHECK(describe(call) == "barrier #118 of tp");
  call.kind = Collective::reduce_scatter;
  call.site = ShortText<28>("layers.2");
  CHECK(describe(call) == "layers.2 reduce-scatter #118 of tp");
  call.phase = Phase::backward;
  CHECK(describe(call) == "layers.2 backward reduce-scatter #118 of tp");
  call.site = ShortText<28>();
  CHECK(describe(call) == "backward reduce-scatter #118 of tp");
}

TEST_CASE("a short text keeps what fits") {
  CHECK(ShortText<9>("").view().empty());
  CHECK(ShortText<9>("12345678").view() == "12345678");
  CHECK(ShortText<9>("123456789").view() == "12345678");
}

TEST_CASE("two ranks are in the same collective, whoever they are") {
  Fingerprint a, b;
  b.rank = 3;
  CHECK(same_collective(a, b));
  b.count = 1;
  CHECK(!same_collective(a, b));
}

RANKS_TEST_CASE("whatever differs between two collectives ends both, with the ranks named", "2-8") {
  const Watched watched(world);
  const int last = world.size() - 1;
  const bool is_odd = world.rank() == last;
  const int layer = world.account("layers.2"), other_layer = world.account("layers.3");
  std::vector<double> numbers(3000);
  const auto sum = [&](std::size_t count) { world.all_reduce(std::span(numbers).first(count)); };
  const Index total = 4 * world.size();
  std::vector<Range> even = Sharding(total, world.size(), "numbers").ranges();
  std::vector<Range> uneven = even;
  uneven[0].end = uneven[1].begin = 1;
  struct Difference {
    std::function<void()> odd, others;
    std::string odd_text, others_text;
  };
  const std::vector<Difference> differences = {
      {[&] { world.barrier(); }, [&] { sum(2); }, "barrier", "all-reduce"},
      {[&] { world.barrier(); }, [&] { sum(3000); }, "barrier", "all-reduce"},
      {[&] { sum(3); }, [&] { sum(2); }, "(3 float64, sum)", "(2 float64, sum)"},
      {[&] { sum(2); }, [&] { sum(3000); }, "(2 float64, sum)", "(3000 float64, sum)"},
      {[&] { world.all_reduce(1.0f); }, [&] { sum(1); }, "(1 float32, sum)", "(1 float64, sum)"},
      {[&] { world.all_reduce(1.0, Reduction::max); }, [&] { sum(1); }, "maximum)", "sum)"},
      {[&] { world.all_reduce(1.0, Reduction::sum, SumOrder::tree); }, [&] { sum(1); },
       "sum along the tree)", "sum)"},
      {[&] { world.broadcast(std::span(numbers), 1); },
       [&] { world.broadcast(std::span(numbers), 0); }, "from rank 1", "from rank 0"},
      {[&] { world.all_gather(std::span(numbers).first(static_cast<std::size_t>(total)), uneven); },
       [&] { world.all_gather(std::span(numbers).first(static_cast<std::size_t>(total)), even); },
       "all-gather", "all-gather"},
      {[&] { world.split(0, 0); }, [&] { world.barrier(); }, "split", "barrier"},
      {[&] {
         const AccountScope charge = world.charge(layer, Phase::backward);
         sum(2);
       },
       [&] {
         const AccountScope charge = world.charge(other_layer, Phase::backward);
         sum(2);
       },
       "layers.2 backward all-reduce", "layers.3 backward all-reduce"},
      {[&] {
         const AccountScope charge = world.charge(layer, Phase::forward);
         sum(2);
       },
       [&] {
         const AccountScope charge = world.charge(layer, Phase::backward);
         sum(2);
       },
       "layers.2 forward all-reduce", "layers.2 backward all-reduce"},
  };
  for (const Difference& difference : differences) {
    const std::string error = error_of(is_odd ? difference.odd : difference.others);
    CAPTURE(error);
    CHECK(error.starts_with(different));
    const std::size_t at_odd = error.find("rank " + std::to_string(last) + " is in ");
    const std::size_t at_others = error.find(world.size() == 2   ? "rank 0 is in "
                                             : world.size() == 3 ? "ranks 0, 1 are in "
                                                                 : "ranks 0-");
    REQUIRE_ALL(world, at_odd != std::string::npos && at_others != std::string::npos);
    CHECK(contains(error.substr(at_odd), difference.odd_text));
    CHECK(contains(error.substr(at_others), difference.others_text));
    // Nobody is out of step, and nobody got the other's numbers.
    CHECK(world.all_reduce<std::int64_t>(1) == world.size());
  }
}

RANKS_TEST_CASE("one rank of those that differ reports it, and none takes it as agreed", "2-4") {
  const Watched watched(world);
  bool speaks = false, agreed = true;
  try {
    world.rank() == 0 ? world.barrier() : (void)world.all_reduce(1.0);
  } catch (const Error& error) {
    speaks = error.speaks();
    agreed = error.is_agreed();
  }
  CHECK(speaks == (world.rank() == 0));
  CHECK(!agreed);
}

RANKS_TEST_CASE("a part of the world that differs is named by its ranks of the world", "3-6") {
  const Watched watched(world);
  const int last = world.size() - 1;
  ProcessGroup part = world.split(world.rank() == 0 ? 0 : 1, 0, "tp");
  ProcessGroup pair = part.split(part.rank() < part.size() - 2 ? 0 : 1, 0, "pair");
  const std::string error =
      error_of([&] { world.rank() == last ? pair.barrier() : (void)pair.all_reduce(1.0); });
  CAPTURE(error);
  if (world.rank() < last - 1) {
    CHECK(error.empty());
  } else {
    CHECK(contains(error, "rank " + std::to_string(last) + " is in barrier #1 of pair"));
    CHECK(contains(error, "rank " + std::to_string(last - 1) + " is in all-reduce #1 of pair (1 "));
  }
}

TEST_CASE("threads are compared where the sums that they started are made") {
  std::atomic<int> ended = 0;
  const std::string error = error_of([&] {
    spawn(3, [&](ProcessGroup& world) {
      struct CountEnd {
        std::atomic<int>& count;
        ~CountEnd() { ++count; }
      } const at_end{ended};
      std::vector<double> a(10), b(5000);
      world.start_all_reduce(std::span(a));
      if (world.rank() != 1) world.start_all_reduce(std::span(b));
      world.finish();
      world.barrier();
    });
  });
  CAPTURE(error);
  CHECK(contains(error, different + "rank 1 is in barrier #2 of world; ranks 0, 2 are in "
                                    "all-reduce #2 of world (5000 float64, sum)"));
  CHECK(ended == 3);
}

RANKS_TEST_CASE("processes that are watched are compared where they start a sum", "mpi 2-4") {
  const Watched watched(world);
  ProcessGroup group = world.split(0, 0, "sums");
  std::vector<double> a(10), b(5000);
  group.start_all_reduce(std::span(a));
  const std::string error = error_of([&] {
    if (group.rank() != 1) return group.start_all_reduce(std::span(b));
    group.finish();
    group.barrier();
  });
  CAPTURE(error);
  CHECK(contains(error, "rank 1 is in barrier #2 of sums"));
  CHECK(contains(error, " in all-reduce #2 of sums (5000 float64, sum)"));
  group.finish();  // of what all have started
}
