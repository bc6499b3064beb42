// Our collectives beside MPICH's own on the same ranks, in turn: ratios above 1 say that ours are
// faster. With --json a line of JSON for each, which peers/compare.py reads.
#include <mpi.h>
#include <unistd.h>

#include <numeric>

#include "bench.hpp"
#include "colonnade/tensor.hpp"

namespace {

using namespace colonnade;
using Work = std::function<void()>;

MPI_Datatype mpi_type() {
  return sizeof(Scalar) == sizeof(float) ? MPI_FLOAT : MPI_DOUBLE;
}

void print_json(const std::string& name, int ranks, int block, const bench::Comparison& times) {
  std::printf(
      "{\"work\": \"%s, %d ranks\", \"ours\": %.9g, \"peer\": %.9g, \"ratio\": [%.9g, %.9g, "
      "%.9g]}\n",
      name.c_str(), ranks, times.divisor.median / block, times.dividend.median / block,
      times.ratio.median, times.ratio.smallest, times.ratio.largest);
  std::fflush(stdout);
}

/// How works are measured and shown.
struct Choice {
  int pairs;
  bool json;
};

/// In blocks of calls: one alone is near the cost of the clock and the barrier around it.
void compare(ProcessGroup& world, const Choice& choice, const std::string& name, int block,
             const Work& ours, const Work& peer) {
  const auto repeated = [&](const Work& work) {
    for (int i = 0; i < block; ++i) work();
  };
  repeated(peer);
  repeated(ours);
  bench::Comparison times = bench::compare(
      world, choice.pairs, [&] { repeated(peer); }, [&] { repeated(ours); });
  if (choice.json && world.rank() == 0) print_json(name, world.size(), block, times);
  if (choice.json) return;
  times.dividend.median /= block;
  times.divisor.median /= block;
  bench::print_ratio(world, name, times);
}

std::string render_numbers(Index count) {
  if (count >= 1 << 20) return std::to_string(count >> 20) + " M numbers";
  if (count >= 1 << 10) return std::to_string(count >> 10) + " k numbers";
  return std::to_string(count) + " numbers";
}

std::span<Scalar> elements(Tensor& tensor) {
  return {tensor.data(), static_cast<std::size_t>(tensor.size())};
}

/// `count` numbers of each rank, to all ranks. Buffers are where tensors of a step lie, which a
/// transport may know how to share; MPI_IN_PLACE spares MPICH a copy.
void compare_all_gathers(ProcessGroup& world, const Choice& choice, Index count, int block) {
  const Sharding cut(count * world.size(), world.size(), "numbers");
  Tensor ours(count * world.size(), 1, world.common_memory());
  Tensor peer = Tensor::zeros(count * world.size(), 1);
  const Work gather_ours = [&] { world.all_gather(elements(ours), cut.ranges()); };
  const Work gather_peer = [&] {
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, peer.data(), static_cast<int>(count),
                  mpi_type(), MPI_COMM_WORLD);
  };
  const auto value = [](Index i) { return static_cast<Scalar>(i % 8191); };
  const Range own = cut.range(world.rank());
  for (Index i = own.begin; i < own.end; ++i) ours.data()[i] = peer.data()[i] = value(i);
  gather_ours();
  gather_peer();
  for (Index i = 0; i < peer.size(); ++i)
    bench::require(ours.data()[i] == value(i) && peer.data()[i] == value(i), "all-gather");
  const std::string name = "all-gather, " + render_numbers(count) + " a rank";
  compare(world, choice, name, block, gather_ours, gather_peer);
  if (count < 1 << 20) return;

  // Where nothing is copied the reader pays for the way from the other core.
  Scalar sum = 0;
  const auto read = [&](Tensor& tensor) {
    const auto all = elements(tensor);
    sum = std::reduce(all.begin(), all.end());
  };
  const Work ours_read = [&] { gather_ours(), read(ours); };
  const Work peer_read = [&] { gather_peer(), read(peer); };
  ours_read();
  const Scalar wanted = sum;
  peer_read();
  bench::require(sum == wanted, "sum of what was gathered");
  compare(world, choice, name + ", and read", block, ours_read, peer_read);
}

/// Sums of `count` numbers for each rank.
void compare_reduce_scatters(ProcessGroup& world, const Choice& choice, Index count, int block) {
  const Index ranks = world.size();
  const Sharding cut(count * ranks, world.size(), "numbers");
  Tensor send(count * ranks, 1, world.visible_memory()), ours(count, 1, world.memory());
  Tensor peer = Tensor::zeros(count, 1);
  const Work scatter_ours = [&] {
    world.reduce_scatter(std::span<const Scalar>(elements(send)), elements(ours), cut.ranges());
  };
  const Work scatter_peer = [&] {
    MPI_Reduce_scatter_block(send.data(), peer.data(), static_cast<int>(count), mpi_type(), MPI_SUM,
                             MPI_COMM_WORLD);
  };
  for (Index i = 0; i < send.size(); ++i)
    send.data()[i] = static_cast<Scalar>(i % 8191 + world.rank());
  scatter_ours();
  scatter_peer();
  const Index first = cut.range(world.rank()).begin;
  for (Index i = 0; i < count; ++i) {
    const auto sum = static_cast<Scalar>(ranks * ((first + i) % 8191) + ranks * (ranks - 1) / 2);
    bench::require(ours.data()[i] == sum && peer.data()[i] == sum, "reduce-scatter");
  }
  compare(world, choice, "reduce-scatter, " + render_numbers(count) + " a rank", block,
          scatter_ours, scatter_peer);
}

void compare_all(ProcessGroup& world, const bench::Arguments& arguments) {
  for (const std::string& word : arguments.words) {
    if (word != "--json")
      throw Error::agreed("unknown option " + word + ": wanted --json or --try");
  }
  const Choice choice = {.pairs = arguments.pick(9, 1), .json = !arguments.words.empty()};
  // MPICH waits by polling: where ranks share cores each of its calls takes milliseconds.
  const bool crowded = world.split_by_node().size() > sysconf(_SC_NPROCESSORS_ONLN);
  compare_all_gathers(world, choice, 16, crowded ? 10 : 500);
  if (crowded) return;
  compare_all_gathers(world, choice, 1 << 20, 3);
  compare_reduce_scatters(world, choice, 1 << 16, 30);
  compare_reduce_scatters(world, choice, 1 << 20, 3);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_with_words(argc, argv, "MPICH's own collectives / ours", compare_all);
}
