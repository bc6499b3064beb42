// Ranks as threads: the collectives by their tables on up to eight ranks, a training run's parity
// with one rank, and what becomes of the others when one fails.
#include "colonnade/spawn.hpp"

#include <atomic>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "colonnade/proof.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

namespace {

/// Element k of rank r's vector is (r + 1) (k + 1).
std::vector<double> vector_of(int rank, Index size) {
  std::vector<double> values;
  for (Index k = 0; k < size; ++k) values.push_back(static_cast<double>((rank + 1) * (k + 1)));
  return values;
}

void check_collectives(ProcessGroup& group) {
  const int ranks = group.size(), rank = group.rank();
  const Index size = 5 * ranks + 3;  // uneven
  const Sharding cut(size, ranks, "elements");
  const double sum = ranks * (ranks + 1) / 2.0;

  std::vector<double> gathered = vector_of(rank, size);
  group.all_gather(std::span(gathered), cut.ranges());
  std::vector<double> own(static_cast<std::size_t>(cut.range(rank).size()));
  const std::vector<double> send = vector_of(rank, size);
  group.reduce_scatter(std::span(send), std::span(own), cut.ranges());
  std::vector<double> reduced = vector_of(rank, size);
  group.all_reduce(std::span(reduced));
  int wrong = 0;
  for (int owner = 0; owner < ranks; ++owner) {
    for (Index k = cut.range(owner).begin; k < cut.range(owner).end; ++k) {
      const auto at = static_cast<std::size_t>(k);
      const double one = static_cast<double>(k + 1);
      if (gathered[at] != (owner + 1) * one) ++wrong;
      if (reduced[at] != sum * one) ++wrong;
      if (owner == rank && own[at - static_cast<std::size_t>(cut.range(rank).begin)] != sum * one)
        ++wrong;
    }
  }
  CHECK(wrong == 0);
  CHECK(group.all_reduce<std::int64_t>(rank, Reduction::max) == ranks - 1);
  CHECK(group.all_reduce<std::int64_t>(rank, Reduction::min) == 0);
  for (int root = 0; root < ranks; ++root) {
    std::int64_t value = rank;
    group.broadcast(std::span(&value, 1), root);
    CHECK(value == root);
  }
  CHECK(gather_text(group, "rank " + std::to_string(rank)).back() ==
        "rank " + std::to_string(ranks - 1));
}

}  // namespace

TEST_CASE("collectives of one to eight threads, again and again") {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    spawn(ranks, [&](ProcessGroup& world) {
      CHECK(world.size() == ranks);
      for (int repetition = 0; repetition < 20; ++repetition) check_collectives(world);
      ProcessGroup node = world.split_by_node();
      CHECK(node.rank() == world.rank());
      check_collectives(node);
    });
  }
}

TEST_CASE("training on threads is training on one rank") {
  const MlpOptions shape{.widths = {5, 11, 9}, .seed = 1};
  const Tensor x = harness::random_matrix(6, 5, "x"), t = harness::random_matrix(6, 9, "t");
  const auto losses = [&](ProcessGroup& world) {
    Mlp model(world, shape);
    AdamW optimizer(model.parameters(), {.learning_rate = 0.01});
    std::vector<double> all;
    for (int step = 0; step < 10; ++step) {
      all.push_back(training_step(model, optimizer, x.clone(world.memory()), t));
    }
    return all;
  };
  ProcessGroup alone = ProcessGroup::self();
  const std::vector<double> want = losses(alone);
  for (const int ranks : {2, 5, 8}) {
    spawn(ranks, [&](ProcessGroup& world) {
      const std::vector<double> got = losses(world);
      for (std::size_t i = 0; i < want.size(); ++i) {
        CHECK(std::abs(got[i] - want[i]) <= 1e-4 * want[i]);
      }
      CHECK(prove_gradients(world, shape, 3).holds());
    });
  }
}

TEST_CASE("a thread that throws ends all, with its own error, wherever the others wait") {
  for (const int failing : {0, 2, 3}) {
    std::atomic<int> ended = 0;
    const std::string error = harness::error_of([&] {
      spawn(4, [&](ProcessGroup& world) {
        struct CountEnd {
          std::atomic<int>& count;
          ~CountEnd() { ++count; }
        } const at_end{ended};
        ProcessGroup node = world.split_by_node();
        if (world.rank() == failing) throw Error("out of luck");
        if (world.rank() % 2 == 0) node.barrier();
        world.barrier();
        CHECK_MESSAGE(false, "nobody gets here");
      });
    });
    CHECK(error.find("out of luck [rank " + std::to_string(failing)) != std::string::npos);
    CHECK(ended == 4);
  }
  CHECK_THROWS_AS(spawn(2, [](ProcessGroup&) { throw std::out_of_range("any exception"); }),
                  std::out_of_range);
}

TEST_CASE("ranks agree on errors as processes do") {
  const std::string error = harness::error_of([] {
    spawn(3, [](ProcessGroup& world) {
      collectively(world, [&] {
        if (world.rank() == 1) throw Error("no such file");
      });
    });
  });
  CHECK(error.find("no such file [rank 1") != std::string::npos);
}

TEST_CASE("a spawned world needs a rank") {
  CHECK(harness::error_of([] { spawn(0, [](ProcessGroup&) {}); }) != "");
}

TEST_CASE("bytes are gathered but not reduced") {
  spawn(2, [](ProcessGroup& world) {
    std::string letters = world.rank() == 0 ? "a." : ".b";
    const Sharding cut(2, 2, "letters");
    world.all_gather(std::span(letters.data(), 2), cut.ranges());
    CHECK(letters == "ab");
  });
  const std::string error = harness::error_of([] {
    spawn(2, [](ProcessGroup& world) {
      std::string letters = "ab";
      world.all_reduce(std::span(letters.data(), 2));
    });
  });
  CHECK(error.find("bytes cannot be reduced") != std::string::npos);
}
