// What a collective costs on each transport: small ones, where it is the meeting, and long ones,
// where it is the memory. Under mpiexec over MPI, on its ranks; alone on 2, 4 and 8 threads.
#include <string>
#include <vector>

#include "bench.hpp"
#include "colonnade/spawn.hpp"

namespace {

using namespace colonnade;

/// `work` in blocks: one alone is near the cost of the clock and the barrier around it.
void print_time(ProcessGroup& group, const std::string& name, int block,
                const std::function<void()>& work) {
  const bench::Times times = bench::measure(group, 15, [&] {
    for (int i = 0; i < block; ++i) work();
  });
  const bench::Times one{times.median / block, times.smallest / block, times.largest / block};
  bench::print(group, name, render_duration(one.median), bench::spread(one));
}

/// Each rank adds `count` numbers of its own, all of them rank + 1, and gets others' back.
void measure_sums(ProcessGroup& group, Index count, int block) {
  const int ranks = group.size(), rank = group.rank();
  const auto bytes = render_bytes(static_cast<double>(count) * sizeof(float));
  const Sharding cut(count, ranks, "numbers");
  const Range own = cut.range(rank);
  const std::vector<float> send(static_cast<std::size_t>(count), static_cast<float>(rank + 1));
  std::vector<float> all(send), piece(static_cast<std::size_t>(own.size()));
  const std::vector<float> sum(all.size(), static_cast<float>(ranks * (ranks + 1) / 2));
  for (const SumOrder order : {SumOrder::any, SumOrder::tree}) {
    const std::string along = order == SumOrder::tree ? " along the tree" : "";
    all = send;
    group.all_reduce(std::span(all), Reduction::sum, order);
    bench::require(all == sum, "all-reduce");
    group.reduce_scatter(std::span(send), std::span(piece), cut.ranges(), 1, order);
    bench::require(std::equal(piece.begin(), piece.end(), sum.begin()), "reduce-scatter");
    std::fill(all.begin(), all.end(), 0.0f);  // sums of sums would overflow
    print_time(group, "all-reduce of " + bytes + along, block,
               [&] { group.all_reduce(std::span(all), Reduction::sum, order); });
    print_time(group, "reduce-scatter of " + bytes + along, block, [&] {
      group.reduce_scatter(std::span(send), std::span(piece), cut.ranges(), 1, order);
    });
  }
  std::vector<float> gathered(static_cast<std::size_t>(count), static_cast<float>(rank + 1));
  group.all_gather(std::span(gathered), cut.ranges());
  for (int owner = 0; owner < ranks; ++owner) {
    const Range range = cut.range(owner);
    for (Index i = range.begin; i < range.end; ++i)
      bench::require(gathered[static_cast<std::size_t>(i)] == static_cast<float>(owner + 1),
                     "all-gather");
  }
  print_time(group, "all-gather of " + bytes, block,
             [&] { group.all_gather(std::span(gathered), cut.ranges()); });
}

void measure_collectives(ProcessGroup& group) {
  bench::print(group, std::to_string(group.size()) + " ranks", std::string(group.transport_name()));
  print_time(group, "barrier", 200, [&] { group.barrier(); });
  measure_sums(group, 64, 200);
  measure_sums(group, 1 << 20, 3);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "collectives, time of one on the slowest rank",
                    [](ProcessGroup& world) {
                      if (world.size() > 1) return measure_collectives(world);
                      for (const int ranks : {2, 4, 8}) spawn(ranks, measure_collectives);
                    });
}
