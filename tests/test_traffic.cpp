// What a group counts: calls, bytes and seconds of each kind of collective, in all and by account.
#include <utility>
#include <vector>

#include "colonnade/process_group.hpp"
#include "harness.hpp"

using colonnade::AccountScope;
using colonnade::Collective;
using colonnade::Index;
using colonnade::ProcessGroup;
using colonnade::Sharding;
using colonnade::Traffic;
using harness::error_of;

RANKS_TEST_CASE("traffic counts calls and the bytes a rank must send", "1-8") {
  const Index ranks = world.size();
  const Sharding cut(2 * ranks + 1, ranks, "columns");
  const Index own = cut.range(world.rank()).size();
  const Index unit = 4;
  std::vector<float> whole(static_cast<std::size_t>(cut.total() * unit));
  std::vector<float> piece(static_cast<std::size_t>(own * unit));
  std::vector<double> numbers(12);

  world.all_gather(std::span(whole), cut.ranges(), unit);
  world.all_gather(std::span(whole), cut.ranges(), unit);
  world.reduce_scatter(std::span<const float>(whole), std::span(piece), cut.ranges(), unit);
  world.all_reduce(std::span(numbers));
  world.broadcast(std::span(numbers), 0);
  world.barrier();

  const Traffic gathered = world.traffic(Collective::all_gather);
  CHECK(gathered.calls == 2);
  CHECK(gathered.bytes_sent == 2 * own * unit * 4 * (ranks - 1));
  CHECK(gathered.seconds > 0);
  CHECK(world.traffic(Collective::reduce_scatter).bytes_sent == (cut.total() - own) * unit * 4);
  CHECK(world.traffic(Collective::all_reduce).bytes_sent == 2 * 12 * 8 * (ranks - 1) / ranks);
  CHECK(world.traffic(Collective::broadcast).bytes_sent ==
        (world.rank() == 0 ? 12 * 8 * (ranks - 1) : 0));
  CHECK(world.traffic(Collective::barrier).bytes_sent == 0);
  const Traffic total = world.total_traffic();
  CHECK(total.calls == 6);
  CHECK(total.seconds >= gathered.seconds);
  world.barrier();
  CHECK((world.total_traffic() - total).calls == 1);
  CHECK((world.total_traffic() - total).bytes_sent == 0);
}

RANKS_TEST_CASE("a sum that overlaps counts when it starts, and its seconds until it ends", "1-8") {
  const Index ranks = world.size();
  std::vector<double> numbers(12);
  world.progress();  // nothing is under way: no time passes
  world.finish();
  CHECK(world.total_traffic().seconds == 0);
  world.start_all_reduce(std::span(numbers));
  const Traffic at_start = world.traffic(Collective::all_reduce);
  CHECK(at_start.calls == 1);
  CHECK(at_start.bytes_sent == 2 * 12 * 8 * (ranks - 1) / ranks);
  world.progress();
  world.finish();
  const Traffic at_end = world.traffic(Collective::all_reduce);
  CHECK(at_end.calls == 1);
  CHECK(at_end.bytes_sent == at_start.bytes_sent);
  CHECK(at_end.seconds > at_start.seconds);
  world.finish();
  CHECK(world.traffic(Collective::all_reduce).seconds == at_end.seconds);
}

RANKS_TEST_CASE("traffic is kept by account too", "1-3") {
  const int forward = world.account("forward");
  CHECK(world.account("") == 0);
  CHECK(forward == 1);
  CHECK(world.account("backward") == 2);
  CHECK(world.account("forward") == forward);
  world.barrier();
  {
    const AccountScope outer = world.charge(forward);
    world.barrier();
    {
      const AccountScope inner = world.charge(0);
      world.all_reduce(1.0);
    }
    world.all_reduce(1.0);
    world.all_reduce(1.0);
  }
  world.barrier();
  CHECK(world.traffic(0, Collective::barrier).calls == 2);
  CHECK(world.traffic(0, Collective::all_reduce).calls == 1);
  CHECK(world.traffic(forward, Collective::barrier).calls == 1);
  CHECK(world.traffic(forward, Collective::all_reduce).calls == 2);
  CHECK(world.traffic(Collective::barrier).calls == 3);
  CHECK(world.total_traffic().calls == 6);

  Traffic sum;
  for (const colonnade::Account& account : world.accounts())
    for (const Traffic& traffic : account.traffic) sum += traffic;
  CHECK(sum.bytes_sent == world.total_traffic().bytes_sent);
  CHECK(sum.calls == world.total_traffic().calls);
  REQUIRE(world.accounts().size() == 3);
  CHECK(world.accounts()[2].name == "backward");
  CHECK(error_of([&] {
          const AccountScope scope = world.charge(3);
        }).find("wanted less than 3, found 3") != std::string::npos);
}

RANKS_TEST_CASE("a sum that overlaps stays with the account it was started under", "1-8") {
  std::vector<double> numbers(1000);
  const int gradients = world.account("gradients");
  {
    const AccountScope scope = world.charge(gradients);
    world.start_all_reduce(std::span(numbers));
  }
  world.finish();
  CHECK(world.traffic(gradients, Collective::all_reduce).calls == 1);
  CHECK(world.traffic(gradients, Collective::all_reduce).seconds ==
        world.traffic(Collective::all_reduce).seconds);
  CHECK(world.traffic(0, Collective::all_reduce).seconds == 0);
}

RANKS_TEST_CASE("accounts move with their group", "1-3") {
  const int account = world.account("moved");
  ProcessGroup moved = std::move(world);
  const AccountScope scope = moved.charge(account);
  moved.barrier();
  CHECK(moved.traffic(account, Collective::barrier).calls == 1);
}
