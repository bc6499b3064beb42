// The measured limits: what is arithmetic in them is tested, and that they are numbers; how large
// they are is the machine's affair.
#include "colonnade/limits.hpp"

#include <doctest/doctest.h>
#include <cmath>

#include "harness.hpp"

using namespace colonnade;

namespace {

constexpr Patience hasty{.block_seconds = 1e-6, .blocks = 3};

bool is_positive(double x) {
  return std::isfinite(x) && x > 0;
}

std::vector<TimedMessage> planted(double latency, double seconds_per_byte) {
  std::vector<TimedMessage> messages;
  for (double bytes = 32; bytes < 1e7; bytes *= 4) {
    messages.push_back({bytes, latency + bytes * seconds_per_byte});
  }
  return messages;
}

}  // namespace

TEST_CASE("times are summarized by the middle one and the two ends") {
  const Times odd = summarize({3, 1, 2});
  CHECK(odd.median == 2);
  CHECK(odd.smallest == 1);
  CHECK(odd.largest == 3);
  CHECK(summarize({7}).median == 7);
  CHECK_THROWS_WITH_AS(summarize(std::vector<double>{}), doctest::Contains("no times"), Error);
}

TEST_CASE("the fit gives back the latency and the bandwidth that were planted") {
  for (const double latency : {0.0, 3e-7, 2e-5}) {
    for (const double beta : {0.0, 1e-10, 4e-9}) {
      if (latency == 0 && beta == 0) continue;
      CAPTURE(latency);
      CAPTURE(beta);
      const MessageCost cost = fit_message_cost(planted(latency, beta));
      CHECK(std::abs(cost.latency - latency) <= 1e-9 * latency + 1e-16);
      CHECK(std::abs(cost.seconds_per_byte - beta) <= 1e-9 * beta + 1e-19);
    }
  }
}

TEST_CASE("short messages count as much as long ones in the fit") {
  auto messages = planted(1e-6, 1e-9);
  // Every other time is 10 % too long. In absolute terms the longest alone would decide, and the
  // latency be off by more than itself.
  for (std::size_t i = 0; i < messages.size(); i += 2) messages[i].seconds *= 1.1;
  const MessageCost cost = fit_message_cost(messages);
  CHECK(std::abs(cost.latency / 1e-6 - 1.05) <= 0.05);
  CHECK(std::abs(cost.seconds_per_byte / 1e-9 - 1.05) <= 0.05);
}

TEST_CASE("neither latency nor bandwidth is fitted below zero") {
  const std::vector<TimedMessage> concave = {{10, 1e-7}, {1000, 2e-5}, {100'000, 2e-3}};
  const MessageCost no_latency = fit_message_cost(concave);
  CHECK(no_latency.latency == 0);
  CHECK(is_positive(no_latency.seconds_per_byte));
  const std::vector<TimedMessage> falling = {{10, 2e-6}, {1000, 1.9e-6}, {100'000, 1.5e-6}};
  const MessageCost no_slope = fit_message_cost(falling);
  CHECK(no_slope.seconds_per_byte == 0);
  CHECK(no_slope.latency >= 1.5e-6);
  CHECK(no_slope.latency <= 2e-6);
}

TEST_CASE("messages that say nothing of a cost are refused") {
  const std::vector<TimedMessage> one_size = {{64, 1e-6}, {64, 2e-6}};
  CHECK_THROWS_WITH_AS(fit_message_cost(one_size), doctest::Contains("one size"), Error);
  CHECK_THROWS_WITH_AS(fit_message_cost({}), doctest::Contains("one size"), Error);
  const std::vector<TimedMessage> no_time = {{64, 1e-6}, {128, 0}};
  CHECK_THROWS_WITH_AS(fit_message_cost(no_time), doctest::Contains("without a time"), Error);
}

TEST_CASE("between two measured messages the cost is on the line between them") {
  const std::vector<TimedMessage> messages = {{10, 1}, {20, 2}, {40, 8}};
  CHECK(interpolate(messages, 0) == 1);
  CHECK(interpolate(messages, 10) == 1);
  CHECK(interpolate(messages, 15) == 1.5);
  CHECK(interpolate(messages, 20) == 2);
  CHECK(interpolate(messages, 30) == 5);
  CHECK(interpolate(messages, 40) == 8);
  CHECK(interpolate(messages, 80) == 16);
  CHECK_THROWS_WITH_AS(interpolate({}, 1), doctest::Contains("no messages"), Error);
}

RANKS_TEST_CASE("repeated work is called equally often on every rank", "1-4") {
  std::int64_t calls = 0;
  const Times times = time_together(world, {.block_seconds = 1e-4, .blocks = 5}, [&] { ++calls; });
  CHECK(is_positive(times.smallest));
  CHECK(times.smallest <= times.median);
  CHECK(times.median <= times.largest);
  CHECK(world.all_reduce(calls, Reduction::min) == world.all_reduce(calls, Reduction::max));
}

RANKS_TEST_CASE("measured collectives have the bytes that a group counts for them", "2-4") {
  for (const Collective kind :
       {Collective::all_gather, Collective::reduce_scatter, Collective::all_reduce}) {
    CAPTURE(to_string(kind));
    const MeasuredCollective measured = measure_collective(world, kind, SumOrder::any, 1024, hasty);
    REQUIRE_ALL(world, measured.messages.size() == 6);  // 64 B to 64 KiB
    const Index count = 64 / sizeof(Scalar);
    const Sharding cut(count, world.size(), "numbers");
    std::vector<Scalar> all(static_cast<std::size_t>(count));
    std::vector<Scalar> own(static_cast<std::size_t>(cut.range(world.rank()).size()));
    const std::int64_t before = world.traffic(kind).bytes_sent;
    if (kind == Collective::all_gather) world.all_gather(std::span(all), cut.ranges());
    if (kind == Collective::all_reduce) world.all_reduce(std::span(all));
    if (kind == Collective::reduce_scatter) {
      world.reduce_scatter(std::span<const Scalar>(all), std::span(own), cut.ranges());
    }
    const std::int64_t sent = world.traffic(kind).bytes_sent - before;
    // Of all ranks together, for pieces needn't be even.
    const auto in_all = static_cast<double>(world.all_reduce(sent));
    CHECK(std::abs(measured.messages.front().bytes_sent * world.size() - in_all) <=
          1e-12 * in_all + world.size());
    for (const TimedMessage& message : measured.messages) CHECK(is_positive(message.seconds));
    CHECK(measured.messages.back().bytes_sent ==
          doctest::Approx(1024 * measured.messages.front().bytes_sent));
    CHECK(is_positive(measured.cost.latency + measured.cost.seconds_per_byte));
  }
}

RANKS_TEST_CASE("a collective along the tree can be measured, a barrier can't", "2-3") {
  const MeasuredCollective measured =
      measure_collective(world, Collective::all_reduce, SumOrder::tree, 0, hasty);
  CHECK(measured.order == SumOrder::tree);
  CHECK_THROWS_WITH_AS(measure_collective(world, Collective::barrier, SumOrder::any, 0, hasty),
                       doctest::Contains("no cost by size"), Error);
}

TEST_CASE("one rank has no messages to measure") {
  ProcessGroup alone = ProcessGroup::self();
  CHECK_THROWS_WITH_AS(measure_collective(alone, Collective::all_reduce, SumOrder::any, 0, hasty),
                       doctest::Contains("one rank"), Error);
}

RANKS_TEST_CASE("the products of all ranks are the step's operations", "1-5") {
  for (const Layout layout : {Layout::gather, Layout::pair}) {
    for (const Index shards : {Index{0}, Index{8}}) {
      if (shards > 0 && shards % world.size() != 0) continue;
      CAPTURE(to_string(layout));
      CAPTURE(shards);
      const Mlp model(world, {.widths = {11, 17, 13, 9}, .layout = layout, .shards = shards});
      const std::vector<MeasuredProduct> products = measure_products(world, model, 5, hasty);
      CHECK(products.size() == 3 * 3 - 1);
      double flops = 0;
      for (const MeasuredProduct& product : products) {
        flops += product.flops;
        CHECK(is_positive(product.seconds.smallest));
        CHECK(product.n == 5);
      }
      CHECK(world.all_reduce(flops) == model.step_flops(5));
      CHECK(products.front().product == Product::forward);
      CHECK(products[1].product == Product::backward_weight);  // layer 0 has no dx
      CHECK(products[3].product == Product::backward_input);
      CHECK(products[3].layer == "layers.1");
    }
  }
}

RANKS_TEST_CASE("a rank without rows measures along", "2-3") {
  const Mlp model(world, {.widths = {6, 5, 4}});
  const auto products = measure_products(world, model, world.rank() == 0 ? 0 : 3, hasty);
  CHECK(products.front().flops == (world.rank() == 0 ? 0 : 2.0 * 3 * 6 * products.front().m));
}

RANKS_TEST_CASE("memory and cores have rates", "1-3") {
  for (const Index elements : {Index{7}, Index{40'000}}) {
    const MemoryRates rates = measure_memory(world, elements, hasty);
    CHECK(is_positive(rates.copy));
    CHECK(is_positive(rates.triad));
    CHECK(is_positive(rates.update));
  }
  CHECK(is_positive(measure_fma(world, hasty)));
}

TEST_CASE("an update moves seven numbers, as AdamW does") {
  CHECK(numbers_moved(MemoryPass::copy) == 2);
  CHECK(numbers_moved(MemoryPass::triad) == 3);
  CHECK(numbers_moved(MemoryPass::update) == 7);
}
