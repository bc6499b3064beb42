// Groups whose ranks are on several nodes, pretended ones. `tests --nodes=2+1` runs all other tests
// on such groups; here is what only they have, on nodes of several sizes and orders.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "colonnade/process_group.hpp"
#include "colonnade/random.hpp"
#include "colonnade/tensor.hpp"
#include "colonnade/tree_sum.hpp"
#include "harness.hpp"

using namespace colonnade;
using harness::error_of;

namespace {

struct Cluster {
  std::vector<int> node;  // of each rank
  std::string transport;
};

/// All that are tried with so many ranks.
std::vector<Cluster> clusters_of(int ranks) {
  if (ranks == 2) return {{{0, 0}, "shared"}, {{0, 1}, "mpi"}};
  if (ranks == 3) return {{{0, 0, 1}, "mpi+shared"}, {{0, 1, 0}, "mpi+shared"}, {{0, 1, 2}, "mpi"}};
  return {{{0, 0, 1, 1}, "mpi+shared"},
          {{0, 1, 1, 1}, "mpi+shared"},
          {{2, 1, 2, 1}, "mpi+shared"},
          {{0, 0, 1, 2}, "mpi+shared"},
          {{0, 0, 0, 0}, "shared"}};
}

std::string text_of(const std::vector<int>& node) {
  std::string text;
  for (const int number : node) text += std::to_string(number);
  return text;
}

std::span<Scalar> elements(Tensor& tensor) {
  return {tensor.data(), static_cast<std::size_t>(tensor.size())};
}

/// What rank `rank` gives as element i: of such different sizes that another order of adding has
/// other bits.
Scalar number_of(int rank, Index i) {
  const double x = KeyedRandom(5, "rank" + std::to_string(rank)).normal(std::uint64_t(i));
  return static_cast<Scalar>(x * (i % 3 == 0 ? 1e4 : 1));
}

/// The sum over all ranks along the tree, of each element in `range`.
std::vector<Scalar> tree_sums(int ranks, Range range) {
  std::vector<Scalar> sums, stack;
  for (Index i = range.begin; i < range.end; ++i) {
    stack.clear();
    sum_along_tree(
        ranks, [&](Index rank) { stack.push_back(number_of(static_cast<int>(rank), i)); },
        [&] {
          const Scalar right = stack.back();
          stack.pop_back();
          stack.back() += right;
        });
    sums.push_back(stack.back());
  }
  return sums;
}

bool same_bits(const Scalar* got, const std::vector<Scalar>& want) {
  return want.empty() || std::memcmp(got, want.data(), want.size() * sizeof(Scalar)) == 0;
}

/// Cuts of columns into pieces, one of them with empty ones.
std::vector<std::vector<Range>> cuts_for(int ranks) {
  std::vector<Range> last_has_all(static_cast<std::size_t>(ranks), Range{0, 0});
  last_has_all.back() = {0, 5};
  return {Sharding(ranks, ranks, "columns").ranges(),
          Sharding(3 * ranks + 2, ranks, "columns").ranges(), last_has_all};
}

/// Runs `work` on each cluster of as many ranks as there are.
void on_clusters(int ranks, const std::function<void(ProcessGroup&, const Cluster&)>& work) {
  for (const Cluster& cluster : clusters_of(ranks)) {
    const std::string nodes = text_of(cluster.node);
    CAPTURE(nodes);
    ProcessGroup group = harness::world_on_nodes(cluster.node);
    work(group, cluster);
  }
}

/// The columns of own pieces are numbered through; all of them must come.
void fill_own(Tensor& y, Range own, Index first) {
  for (Index c = own.begin; c < own.end; ++c)
    for (Index r = 0; r < y.rows(); ++r) y(r, c) = static_cast<Scalar>(first + c * y.rows() + r);
}

bool has_all(const Tensor& y, Index first) {
  for (Index c = 0; c < y.cols(); ++c)
    for (Index r = 0; r < y.rows(); ++r)
      if (y(r, c) != static_cast<Scalar>(first + c * y.rows() + r)) return false;
  return true;
}

}  // namespace

RANKS_TEST_CASE("a group gets the transport that suits its nodes, and so do its parts",
                "processes 2-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster& cluster) {
    CHECK(group.transport_name() == cluster.transport);
    CHECK(group.overlaps() == (cluster.transport != "shared"));
    ProcessGroup node = group.split_by_node();
    const int own = cluster.node[static_cast<std::size_t>(group.rank())];
    CHECK(node.size() == std::count(cluster.node.begin(), cluster.node.end(), own));
    CHECK(node.transport_name() == (node.size() == 1 ? "self" : "shared"));
    ProcessGroup backwards = group.split(0, -group.rank());
    CHECK(backwards.transport_name() == cluster.transport);
    CHECK(backwards.all_gather(group.rank() * 1.0)[0] == group.size() - 1);
  });
}

RANKS_TEST_CASE("columns in common memory are on every node once they are gathered",
                "processes 2-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster&) {
    for (const auto& pieces : cuts_for(group.size())) {
      for (const Index rows : {1, 20'000}) {
        const Range own = pieces[static_cast<std::size_t>(group.rank())];
        Tensor y(rows, pieces.back().end, group.common_memory());
        fill_own(y, own, 0);
        group.all_gather(elements(y), pieces, rows);
        CHECK(has_all(y, 0));
      }
    }
  });
}

// A node has one tensor of its ranks, and none of another's.
RANKS_TEST_CASE("common memory is that of the node", "processes 3-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster& cluster) {
    if (cluster.transport == "mpi") return;
    const int own = cluster.node[static_cast<std::size_t>(group.rank())];
    Tensor y(1, group.size(), group.common_memory());
    y(0, group.rank()) = 1;
    group.barrier();
    const int peer = (group.rank() + 1) % group.size();
    const bool is_mate = cluster.node[static_cast<std::size_t>(peer)] == own;
    group.barrier();
    y(0, group.rank()) = 2;
    group.barrier();
    CHECK((y(0, peer) == 2) == is_mate);
  });
}

RANKS_TEST_CASE("sums of what lies in visible memory, over nodes and along the tree",
                "processes 2-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster&) {
    const int rank = group.rank(), ranks = group.size();
    for (const auto& pieces : cuts_for(ranks)) {
      for (const Index rows : {3, 3000}) {
        const Index count = rows * pieces.back().end;
        const Range own = pieces[static_cast<std::size_t>(rank)];
        Tensor send(rows, pieces.back().end, group.visible_memory()), sum(rows, own.size());
        for (Index i = 0; i < count; ++i) send.data()[i] = number_of(rank, i);
        const std::vector<Scalar> want = tree_sums(ranks, {own.begin * rows, own.end * rows});
        group.reduce_scatter(std::span<const Scalar>(elements(send)), elements(sum), pieces, rows,
                             SumOrder::tree);
        CHECK(same_bits(sum.data(), want));
        // In any order it is nearly the same, and always the same bits.
        group.reduce_scatter(std::span<const Scalar>(elements(send)), elements(sum), pieces, rows);
        bool near = true;
        for (std::size_t i = 0; i < want.size(); ++i)
          near &= std::abs(sum.data()[i] - want[i]) <= 1e-2;
        CHECK(near);
        Tensor again(rows, own.size());
        group.start_reduce_scatter(std::span<const Scalar>(elements(send)), elements(again), pieces,
                                   rows);
        group.finish();
        CHECK(same_bits(again.data(), {sum.data(), sum.data() + sum.size()}));

        group.all_reduce(elements(send), Reduction::sum, SumOrder::tree);
        CHECK(same_bits(send.data(), tree_sums(ranks, {0, count})));
      }
    }
  });
}

RANKS_TEST_CASE("all_reduce in visible memory has the same bits on every node, in any order",
                "processes 2-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster&) {
    Tensor numbers(1, 20'001, group.visible_memory());
    for (Index i = 0; i < numbers.size(); ++i) numbers(0, i) = number_of(group.rank(), i);
    group.all_reduce(elements(numbers));
    const std::vector<Scalar> want = tree_sums(group.size(), {0, numbers.size()});
    std::int64_t digest = 0;
    bool near = true;
    for (Index i = 0; i < numbers.size(); ++i) {
      digest = (digest * 31 + static_cast<std::int64_t>(numbers(0, i) * 1e6)) % 1'000'003;
      near &= std::abs(numbers(0, i) - want[static_cast<std::size_t>(i)]) <= 1e-2;
    }
    CHECK(near);
    for (const std::int64_t other : group.all_gather(digest)) CHECK(other == digest);
    group.all_reduce(elements(numbers), Reduction::max);
    CHECK(same_bits(numbers.data(), {numbers.data(), numbers.data() + numbers.size()}));
  });
}

// In common memory, in visible memory and in a rank's own, mixed, and with others in between.
RANKS_TEST_CASE("what is started between nodes ends in its order", "processes 2-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster&) {
    const Index rows = 5000;
    const int ranks = group.size(), rank = group.rank();
    const Sharding cut(2 * ranks + 1, ranks, "columns");
    const Range own = cut.range(rank);
    for (Index round = 0; round < 4; ++round) {
      Tensor first(rows, cut.total(), group.common_memory());
      Tensor second(rows, cut.total(), group.common_memory());
      Tensor private_one(rows, cut.total());
      Tensor send(rows, cut.total(), group.visible_memory()), sum(rows, own.size());
      std::vector<double> gradient(40'000, 1.0 + rank);
      for (Index i = 0; i < send.size(); ++i) send.data()[i] = static_cast<Scalar>(i % 7 + round);
      fill_own(first, own, round);
      fill_own(second, own, round + 1);
      fill_own(private_one, own, round + 2);
      group.start_all_gather(elements(first), cut.ranges(), rows);
      group.start_reduce_scatter(std::span<const Scalar>(elements(send)), elements(sum),
                                 cut.ranges(), rows);
      group.start_all_reduce(std::span(gradient));
      group.start_all_gather(elements(private_one), cut.ranges(), rows);
      CHECK(group.all_reduce<std::int64_t>(1) == ranks);
      for (int i = 0; i < 7 * rank; ++i) group.progress();
      group.finish_first();
      CHECK(has_all(first, round));
      group.start_all_gather(elements(second), cut.ranges(), rows);
      group.finish_first();
      bool added = true;
      for (Index i = 0; i < sum.size(); ++i)
        added &= sum.data()[i] == static_cast<Scalar>(ranks * ((own.begin * rows + i) % 7 + round));
      CHECK(added);
      group.finish();
      CHECK(gradient == std::vector<double>(gradient.size(), ranks * (ranks + 1) / 2.0));
      CHECK(has_all(private_one, round + 2));
      CHECK(has_all(second, round + 1));
    }
  });
}

// The rank that is ahead has MPI write the next tensor's columns where another still reads this
// one, unless a place that was given back waits for a meeting.
RANKS_TEST_CASE("MPI writes nothing where a rank of the node still reads", "processes 3-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster&) {
    const Sharding cut(group.size(), group.size(), "columns");
    const Index rows = 64;
    int wrong = 0;
    for (Index round = 0; round < 40; ++round) {
      Tensor y(rows, cut.total(), group.common_memory());
      fill_own(y, cut.range(group.rank()), round);
      group.start_all_gather(elements(y), cut.ranges(), rows);
      group.finish();
      if (round % group.size() == group.rank())
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      wrong += has_all(y, round) ? 0 : 1;
    }
    CHECK(wrong == 0);
  });
}

// Memory that is given back is taken again although nothing but messages of MPI pass.
RANKS_TEST_CASE("common memory doesn't grow from step to step", "processes 3-4") {
  on_clusters(world.size(), [](ProcessGroup& group, const Cluster& cluster) {
    if (cluster.transport == "mpi") return;
    std::vector<Scalar*> places;
    std::vector<double> gradient(10);
    for (int step = 0; step < 30; ++step) {
      const Tensor y(10, 10, group.visible_memory());
      if (std::find(places.begin(), places.end(), y.data()) == places.end())
        places.push_back(const_cast<Scalar*>(y.data()));
      if (step % 2 == 0) group.all_reduce(1.0);
      if (step % 2 == 1) group.start_all_reduce(std::span(gradient));
      group.finish();
    }
    CHECK(places.size() <= 2);
  });
}

RANKS_TEST_CASE("ranks of a node in different collectives are told, each node its own",
                "processes 4") {
  ProcessGroup group = harness::world_on_nodes({0, 0, 1, 1});
  const std::string error = error_of([&] {
    if (group.rank() % 2 == 0) {
      group.barrier();
    } else {
      group.all_reduce(1.0);
    }
  });
  CAPTURE(error);
  CHECK(error.find("barrier #1 of world") != error.npos);
  CHECK(error.find("all-reduce #1 of world") != error.npos);
}

RANKS_TEST_CASE("a node whose rank asks for common memory alone is told", "processes 4") {
  ProcessGroup group = harness::world_on_nodes({0, 0, 1, 1});
  const std::string error = error_of([&] {
    if (group.rank() % 2 == 0) const Tensor alone(5, 1, group.common_memory());
    group.barrier();
  });
  CAPTURE(error);
  CHECK(error.find("in allocation of common memory") != error.npos);
}
