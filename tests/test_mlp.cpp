// Parity: a network on P ranks against the same network on one, in output, loss, every gradient and
// the parameters after twenty AdamW steps. And central differences through the whole network.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/loss.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/proof.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"
#include "spy_transport.hpp"

using namespace colonnade;
using harness::distance;
using harness::random_matrix;

namespace {

struct Shape {
  std::string name;
  MlpOptions options;
};

// Widths that 2, 3 and 4 don't divide; 10 classes; the original job's shape.
std::vector<Shape> shapes() {
  std::vector<Shape> all(6);
  all[0] = {"uneven", {.widths = {5, 11, 7, 10}, .seed = 1}};
  all[1] = {"no bias, activate last", {.widths = {8, 8, 8}, .activate_last = true, .bias = false}};
  all[2] = {"relu", {.widths = {1, 13, 5}, .activation = Activation::relu, .seed = 2}};
  all[3] = {"one layer, erf", {.widths = {6, 9}, .activation = Activation::gelu_erf, .seed = 3}};
  all[3].options.activate_last = true;
  all[4] = all[0];
  all[4].name += ", in two parts";
  all[4].options.row_parts = 2;
  all[5] = {"pair, in three parts",
            {.widths = {5, 11, 7, 10}, .layout = Layout::pair, .row_parts = 3}};
  return all;
}

// Twenty steps spread rounding through the moments' square roots; a float run keeps about four
// digits.
constexpr double after_steps = harness::is_double ? 1e-10 : 2e-3;

}  // namespace

RANKS_TEST_CASE("parity with one rank over twenty AdamW steps", "1-5") {
  for (const Shape& shape : shapes()) {
    CAPTURE(shape.name);
    ProcessGroup alone = ProcessGroup::self();
    MlpOptions in_one_part = shape.options;
    in_one_part.row_parts = 1;
    Mlp sharded(world, shape.options), whole(alone, in_one_part);
    const AdamWOptions adamw{.learning_rate = 0.01, .weight_decay = 0.1};
    AdamW sharded_optimizer(sharded.parameters(), adamw);
    AdamW whole_optimizer(whole.parameters(), adamw);
    const Index in = shape.options.widths.front(), out = shape.options.widths.back();
    for (int step = 0; step < 20; ++step) {
      const Index rows = step % 3 == 2 ? 3 : 5;  // short batches in between
      const Tensor x = random_matrix(rows, in, "x" + std::to_string(step));
      const Tensor t = random_matrix(rows, out, "t" + std::to_string(step));
      if (step == 0) {
        CHECK(distance(sharded.forward(x.clone()).y, whole.forward(x.clone()).y) <=
              harness::rounding);
      }
      const double loss = training_step(sharded, sharded_optimizer, x.clone(), t);
      const double want = training_step(whole, whole_optimizer, x.clone(), t);
      CHECK(std::abs(loss - want) <= after_steps * want);
      for (std::size_t i = 0; i < sharded.parameters().size(); ++i) {
        const Parameter& part = *sharded.parameters()[i];
        const Parameter& all = *whole.parameters()[i];
        CAPTURE(part.name);
        CHECK(part.name == all.name);
        CHECK(distance(part.grad, block_of(all.grad, part)) <=
              (step == 0 ? harness::rounding : after_steps));
        CHECK(distance(part.value, block_of(all.value, part)) <= after_steps);
      }
    }
  }
}

RANKS_TEST_CASE("the initial model is the same for every number of ranks, bit for bit", "2-7") {
  const MlpOptions options = shapes().front().options;
  ProcessGroup alone = ProcessGroup::self();
  const Mlp sharded(world, options), whole(alone, options);
  for (std::size_t i = 0; i < sharded.parameters().size(); ++i) {
    const Parameter& part = *sharded.parameters()[i];
    const Parameter& all = *whole.parameters()[i];
    const Tensor want = block_of(all.value, part);
    for (Index k = 0; k < part.value.size(); ++k) CHECK(part.value.data()[k] == want.data()[k]);
  }
}

TEST_CASE("layers of the initial model differ, and their scale is the fan-in's") {
  ProcessGroup alone = ProcessGroup::self();
  // No layer is square and no two have the same fan-in: a scale by the fan-out, or by the first
  // layer's, is another one.
  const std::vector<Index> widths = {200, 800, 300};
  const Mlp model(alone, {.widths = widths, .bias = false});
  const Tensor& first = model.parameters()[0]->value;
  const Tensor& second = model.parameters()[1]->value;
  Index equal = 0;
  for (Index i = 0; i < std::min(first.size(), second.size()); ++i)
    if (first.data()[i] == second.data()[i]) ++equal;
  CHECK(equal < 10);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    CAPTURE(layer);
    const Tensor& weight = model.parameters()[layer]->value;
    const double variance = harness::dot(weight, weight) / static_cast<double>(weight.size());
    // That of 160,000 normal numbers is known to 0.35 %; five of these deviations.
    CHECK(std::abs(variance * static_cast<double>(widths[layer]) - 1) < 0.018);
  }
}

TEST_CASE("a network counts its parameters and its work") {
  ProcessGroup alone = ProcessGroup::self();
  const Mlp model(alone, {.widths = {5, 11, 7}});
  CHECK(model.parameter_count() == 5 * 11 + 11 + 11 * 7 + 7);
  CHECK(model.step_flops(3) == 2.0 * 3 * (2 * 5 * 11 + 3 * 11 * 7));
  CHECK(harness::error_of([&] { Mlp one(alone, {.widths = {5}}); }) != "");
}

RANKS_TEST_CASE("a step sends one all-gather a layer and one reduce-scatter but for the first",
                "1-8") {
  Mlp model(world, {.widths = {8, 8, 8, 8}});
  AdamW optimizer(model.parameters(), {});
  training_step(model, optimizer, random_matrix(3, 8, "x"), random_matrix(3, 8, "t"));
  CHECK(world.traffic(Collective::all_gather).calls == 3);
  CHECK(world.traffic(Collective::reduce_scatter).calls == 2);
  CHECK(world.traffic(Collective::all_reduce).calls == 0);
}

TEST_CASE("while one part's message is under way, the next part is computed") {
  std::vector<std::string> events;
  ProcessGroup spied = harness::spy_group("tp", events);
  Mlp model(spied, {.widths = {6, 6, 6}, .row_parts = 2});
  auto [y, cache] = model.forward(random_matrix(4, 6, "x"));
  const std::vector<std::string> forward = {
      "tp start all-gather", "tp start all-gather",  // both parts in the first layer
      "tp finish",           "tp start all-gather",  // the first part in the second
      "tp finish",           "tp start all-gather", "tp finish", "tp finish"};
  std::erase(events, "tp progress");
  CHECK(events == forward);
  events.clear();
  model.backward(std::move(cache), random_matrix(4, 3, "dy"),
                 [&](LinearLayer& layer) { events.push_back(layer.options().name); });
  const std::vector<std::string> backward = {"tp start sum", "tp start sum", "layers.1",
                                             "tp finish",    "tp finish",    "layers.0"};
  std::erase(events, "tp progress");
  CHECK(events == backward);
  CHECK(harness::error_of([&] {
          Mlp exact(spied, {.widths = {8, 8}, .shards = 2, .row_parts = 2});
        }).find("wanted 1 in exact mode, found 2") != std::string::npos);
}

TEST_CASE("a batch is cut where messages get on by themselves and are long") {
  std::vector<std::string> events;
  const ProcessGroup in_memory = harness::spy_group("tp", events);
  const ProcessGroup over_messages = harness::spy_group("tp", events, true);
  const MlpOptions options = {.widths = {8, 4096, 8}};
  CHECK(worthwhile_row_parts(in_memory, options, 1 << 20) == 1);
  CHECK(worthwhile_row_parts(over_messages, options, 1 << 20) == 4);
  CHECK(worthwhile_row_parts(over_messages, options, 64) == 2);
  CHECK(worthwhile_row_parts(over_messages, options, 1) == 1);
  // What isn't sent: x, what a pair has between its layers, an output in shards.
  CHECK(worthwhile_row_parts(over_messages, {.widths = {4096, 8}}, 64) == 1);
  const MlpOptions pair = {.widths = {8, 4096, 8}, .layout = Layout::pair};
  CHECK(worthwhile_row_parts(over_messages, pair, 64) == 1);
  const MlpOptions sum = {.widths = {8, 8, 4096}, .layout = Layout::pair};
  CHECK(worthwhile_row_parts(over_messages, sum, 64) == 2);
  CHECK(worthwhile_row_parts(over_messages, {.widths = {8, 4096}, .shard_output = true}, 64) == 1);
  CHECK(worthwhile_row_parts(over_messages, {.widths = {8, 4096}}, 64) == 2);
  CHECK(worthwhile_row_parts(over_messages, {.widths = {8, 4096}, .shards = 8}, 1 << 20) == 1);
}

RANKS_TEST_CASE("the proof holds for every shape", "1-5") {
  for (const Shape& shape : shapes()) {
    CAPTURE(shape.name);
    const GradientProof proof = prove_gradients(world, shape.options, 3);
    CHECK_MESSAGE(proof.holds(), proof.against_differences << " in " << proof.farthest << ", "
                                                           << proof.against_one_rank);
    CHECK(proof.gradients > 0);
  }
}

#ifdef COLONNADE_DOUBLE

RANKS_TEST_CASE("a network's backward is the gradient of its loss over all ranks", "1-4") {
  Mlp model(world, {.widths = {3, 5, 4}, .activate_last = true, .seed = 5});
  for (Parameter* parameter : model.parameters()) fill_normal(*parameter, 5, 0.5);
  const Tensor x = random_matrix(3, 3, "x"), t = random_matrix(3, 4, "t");
  const MeanSquare mean_square(world, model.output());
  auto [y, cache] = model.forward(x.clone());
  auto [sum, loss_cache] = mean_square.forward(std::move(y), t);
  model.backward(std::move(cache), mean_square.backward(std::move(loss_cache), t, x.rows()));
  const auto loss = [&] {
    return mean_square.mean(mean_square.forward(model.forward(x.clone()).y, t).sum, x.rows());
  };
  for (Parameter* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    CHECK_GRADIENT(parameter->grad, numerical_gradient(world, parameter->value, loss));
  }
}

#endif
