// What collectives in common and visible memory send between hosts, by the counters of the network
// devices: as MPI alone does them, and with memory shared on each host. Under mpiexec with several
// ranks on each of several hosts; `tools/cluster.sh wire` pretends two.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "bench.hpp"
#include "colonnade/tensor.hpp"

namespace {

using namespace colonnade;

/// Bytes that the hosts have sent so far, all together. Collective.
double bytes_sent(ProcessGroup& world, ProcessGroup& node) {
  world.barrier();
  double bytes = 0;
  for (const auto& device : std::filesystem::directory_iterator("/sys/class/net")) {
    if (node.rank() != 0 || device.path().filename() == "lo") continue;
    double sent = 0;
    std::ifstream(device.path() / "statistics/tx_bytes") >> sent;
    bytes += sent;
  }
  return world.all_reduce(bytes);
}

/// Of one call of `work`, by several.
double bytes_of(ProcessGroup& world, ProcessGroup& node, const std::function<void()>& work) {
  constexpr int calls = 3;  // bytes vary little
  work();
  const double before = bytes_sent(world, node);
  for (int i = 0; i < calls; ++i) work();
  return (bytes_sent(world, node) - before) / calls;
}

struct Sent {
  double gather = 0, scatter = 0, reduce = 0;
};

Sent measure(ProcessGroup world, Index count) {
  ProcessGroup node = world.split_by_node();
  const Sharding cut(count, world.size(), "numbers");
  const Range own = cut.range(world.rank());
  Tensor all(1, count, world.common_memory()), parts(1, count, world.visible_memory());
  Tensor sum(1, own.size());
  const auto elements = [](Tensor& tensor) {
    return std::span(tensor.data(), static_cast<std::size_t>(tensor.size()));
  };
  std::fill_n(all.columns(own).data, own.size(), static_cast<Scalar>(world.rank()));
  std::fill_n(parts.data(), count, Scalar{1});
  const auto gather = [&] { world.all_gather(elements(all), cut.ranges()); };
  const auto scatter = [&] {
    world.reduce_scatter(std::span<const Scalar>(elements(parts)), elements(sum), cut.ranges());
  };
  gather();
  scatter();
  bench::require(all(0, count - 1) == static_cast<Scalar>(world.size() - 1), "all-gather");
  bench::require(sum(0, 0) == static_cast<Scalar>(world.size()), "reduce-scatter");
  Sent sent{bytes_of(world, node, gather), bytes_of(world, node, scatter), 0};
  std::fill_n(parts.data(), count, Scalar{0});  // sums of sums would overflow
  sent.reduce = bytes_of(world, node, [&] { world.all_reduce(elements(parts)); });
  return sent;
}

}  // namespace

int main(int argc, char** argv) {
  prepare_backend(argv);
  MpiSession session(argc, argv);
  const Index count = 1 << 19;
  const bool is_first = session.world().rank() == 0;  // collective
  const Sent mpi = measure(session.world(TransportChoice::mpi), count);
  const Sent shared = measure(session.world(), count);
  if (!is_first) return 0;
  const double bytes = static_cast<double>(count) * sizeof(Scalar);
  std::printf("bytes between hosts for %s, MPI alone and with memory shared on each host\n",
              render_bytes(bytes).c_str());
  const auto print = [&](const char* name, double before, double after) {
    std::printf("%-16s %6.2f x %6.2f x   ratio %.2f\n", name, before / bytes, after / bytes,
                after / before);
  };
  print("all-gather", mpi.gather, shared.gather);
  print("reduce-scatter", mpi.scatter, shared.scatter);
  print("all-reduce", mpi.reduce, shared.reduce);
  std::fflush(stdout);  // MPI over TCP may not come back from its end
  return 0;
}
