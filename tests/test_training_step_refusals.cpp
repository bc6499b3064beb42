// What a step refuses: parts that don't go together, micro-batches too few or too many. Numbers
// that are not finite are test_nonfinite.cpp's.
#include <string>
#include <vector>

#include "colonnade/training_step.hpp"
#include "harness.hpp"
#include "numbers.hpp"
#include "spy_transport.hpp"

using namespace colonnade;

TEST_CASE("a step refuses parts that don't go together") {
  std::vector<std::string> events;
  ProcessGroup tp = ProcessGroup::self(), dp = harness::spy_group("dp", events);
  Mlp fast(tp, {.widths = {9, 8}}), exact(tp, {.widths = {9, 8}, .shards = 8});
  const auto refusal = [&](Mlp& model, GradientSum kind, ProcessGroup* moments_over) {
    const MeanSquare loss(tp, model.output());
    AdamW optimizer(model.parameters(), {}, moments_over);
    DataParallel data_parallel(dp, model, kind);
    return harness::error_of([&] { TrainingStep step(model, loss, optimizer, &data_parallel); });
  };
  CHECK(refusal(fast, GradientSum::everywhere, nullptr) == "");
  CHECK(refusal(fast, GradientSum::own_run, &dp) == "");
  CHECK(refusal(exact, GradientSum::exact, &dp) == "");
  CHECK(refusal(fast, GradientSum::own_run, nullptr).find("moments_over") != std::string::npos);
  CHECK(refusal(exact, GradientSum::everywhere, nullptr).find("together only") !=
        std::string::npos);
  CHECK(refusal(fast, GradientSum::exact, nullptr).find("together only") != std::string::npos);
}

TEST_CASE("a step needs all of its micro-batches and no more") {
  ProcessGroup alone = ProcessGroup::self();
  Mlp model(alone, {.widths = {3, 2}});
  const MeanSquare loss(alone, model.output());
  AdamW optimizer(model.parameters(), {});
  TrainingStep step(model, loss, optimizer);
  const auto add = [&] {
    step.add(harness::random_matrix(4, 3, "x"), harness::random_matrix(4, 2, "t"), 0);
  };
  step.begin(8, 2);
  add();
  CHECK(harness::error_of([&] { step.finish(); }).find("wanted 2, found 1") != std::string::npos);
  add();
  CHECK(harness::error_of(add).find("wanted 2, found 2") != std::string::npos);
}
