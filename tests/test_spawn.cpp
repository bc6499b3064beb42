// Ranks as threads: a training run's parity with one rank, and what becomes of the others when one
// fails. What each collective does is in test_process_group.cpp and test_node_transport.cpp.
#include "colonnade/spawn.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "colonnade/proof.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

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

TEST_CASE("a thread that throws ends all in whatever collective they are, spinning or asleep") {
  const std::vector<std::function<void(ProcessGroup&)>> waits = {
      [](ProcessGroup& world) { world.barrier(); },
      [](ProcessGroup& world) { world.all_reduce(1.0); },
      [](ProcessGroup& world) {
        std::vector<double> numbers(10'000);
        world.all_reduce(std::span(numbers));
      },
      [](ProcessGroup& world) {
        const Sharding cut(10'000, world.size(), "numbers");
        std::vector<double> numbers(10'000);
        world.all_gather(std::span(numbers), cut.ranges());
      },
      [](ProcessGroup& world) {
        std::vector<double> numbers(10'000);
        world.broadcast(std::span(numbers), 0);
      },
      [](ProcessGroup& world) { world.split(0, 0); },
      [](ProcessGroup& world) {
        std::vector<double> numbers(100);
        world.start_all_reduce(std::span(numbers));
        world.finish();
      },
  };
  for (const int late_ms : {0, 20}) {
    for (const auto& wait : waits) {
      std::atomic<int> ended = 0;
      CHECK_THROWS_AS(spawn(4,
                            [&](ProcessGroup& world) {
                              if (world.rank() == 2) {
                                std::this_thread::sleep_for(std::chrono::milliseconds(late_ms));
                                ++ended;
                                throw std::out_of_range("this rank");
                              }
                              try {
                                wait(world);
                              } catch (...) {
                                ++ended;
                                throw;
                              }
                            }),
                      std::out_of_range);
      CHECK(ended == 4);
    }
  }
}

// Each time in buffers of its own, which the exception frees: an address sanitizer sees it if a
// rank left while others were at them.
TEST_CASE("ranks in the middle of a collective end it before they leave") {
  for (int repetition = 0; repetition < 5; ++repetition) {
    CHECK_THROWS_AS(spawn(4,
                          [&](ProcessGroup& world) {
                            ProcessGroup part = world.split(world.rank() / 3, 0);
                            if (world.rank() == 3) {
                              std::this_thread::sleep_for(std::chrono::milliseconds(3));
                              throw std::out_of_range("outside of the others' group");
                            }
                            for (;;) {
                              std::vector<double> numbers(50'000, 1.0);
                              part.all_reduce(std::span(numbers));
                              if (numbers.back() != 3) throw Error("wrong sum");
                            }
                          }),
                    std::out_of_range);
  }
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
