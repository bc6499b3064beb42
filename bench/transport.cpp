// What a collective costs on each transport: small ones, where it is the meeting, and long ones,
// where it is the memory. Under mpiexec over MPI, on its ranks; alone on 2, 4 and 8 threads.
#include <string>
#include <vector>

#include "bench.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/tensor.hpp"

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

/// What a layer's activations and partial gradients cost, in memory that the ranks have in common.
void measure_common(ProcessGroup& group, Index count, int block) {
  const auto bytes = render_bytes(static_cast<double>(count) * sizeof(Scalar));
  const Sharding cut(count, group.size(), "numbers");
  const Range own = cut.range(group.rank());
  const auto all = [=](Tensor& tensor) {
    return std::span(tensor.data(), static_cast<std::size_t>(count));
  };
  Tensor gathered(1, count, group.common_memory()), send(1, count, group.visible_memory());
  Tensor piece(1, own.size());
  std::fill_n(gathered.columns(own).data, own.size(), static_cast<Scalar>(group.rank() + 1));
  std::fill_n(send.data(), count, Scalar{1});
  const auto gather = [&] { group.all_gather(all(gathered), cut.ranges()); };
  const auto scatter = [&] {
    group.reduce_scatter(std::span<const Scalar>(all(send)),
                         std::span(piece.data(), static_cast<std::size_t>(own.size())),
                         cut.ranges());
  };
  gather();
  scatter();
  bench::require(gathered(0, 0) == 1 && gathered(0, count - 1) == static_cast<Scalar>(group.size()),
                 "all-gather in common memory");
  bench::require(piece(0, 0) == static_cast<Scalar>(group.size()),
                 "reduce-scatter in visible memory");
  print_time(group, "all-gather of " + bytes + " in place", block, gather);
  print_time(group, "reduce-scatter of " + bytes + " in place", block, scatter);
}

void measure_collectives(ProcessGroup& group, bool only_small) {
  bench::print(group, std::to_string(group.size()) + " ranks", std::string(group.transport_name()));
  print_time(group, "barrier", 200, [&] { group.barrier(); });
  measure_sums(group, 64, 200);
  measure_common(group, 64, 200);
  if (only_small) return;
  measure_sums(group, 1 << 20, 3);
  measure_common(group, 1 << 20, 3);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "collectives, time of one on the slowest rank",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      const auto measure = [&](ProcessGroup& group) {
                        measure_collectives(group, arguments.trial);
                      };
                      if (world.size() > 1) return measure(world);
                      for (const int ranks : {2, 4, 8}) spawn(ranks, measure);
                    });
}
