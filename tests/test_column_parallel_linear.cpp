// The column-parallel layer: its gradients against central differences of a loss over all ranks,
// its parts against the unsharded layer, and what it refuses.
#include <algorithm>
#include <string>
#include <utility>

#include "colonnade/column_parallel_linear.hpp"
#include "harness.hpp"
#include "numbers.hpp"
#include "spy_transport.hpp"

using namespace colonnade;
using harness::distance;
using harness::dot;
using harness::random_matrix;

namespace {

constexpr Index batch = 3;

ColumnParallelLinear::Options options(Index in, Index out) {
  return {.name = "layer",
          .in = in,
          .out = out,
          .activation = Activation::gelu_tanh,
          .bias = true,
          .seed = 7};
}

/// The layer of the gather layout, whose layer below gathers too.
ColumnParallelLinear make_layer(ProcessGroup& group, Index in, Index out) {
  return {group, options(in, out), true, InputGradient::own_columns};
}

/// Biases start at zero, where a forgotten one goes unnoticed.
void fill_bias(ColumnParallelLinear& layer) {
  fill_normal(layer.bias(), 7, 1);
}

}  // namespace

TEST_CASE("a product computed in tiles, while something is under way, is the product") {
  std::vector<std::string> events;
  ProcessGroup spied = harness::spy_group("tp", events, true);
  const auto make = [&] {
    return ColumnParallelLinear(spied, {.name = "layer", .in = 1024, .out = 1024}, true,
                                InputGradient::own_columns);
  };
  ColumnParallelLinear whole = make(), tiled = make();
  const Tensor x = random_matrix(512, 1024, "x"), dy = random_matrix(512, 512, "dy");
  auto [want_y, want_cache] = whole.forward(x.clone());
  const Tensor want_dx = whole.backward(std::move(want_cache), dy.clone());

  std::vector<Scalar> sum(1);
  spied.start_all_reduce(std::span(sum));
  events.clear();
  auto [y, cache] = tiled.forward(x.clone());
  CHECK(std::count(events.begin(), events.end(), "tp progress") > 1);
  const Tensor dx = tiled.backward(std::move(cache), dy.clone());
  CHECK(std::count(events.begin(), events.end(), "tp progress") > 5);
  CHECK(distance(y, want_y) <= harness::rounding);
  CHECK(distance(dx, want_dx) <= harness::rounding);
  CHECK(distance(tiled.weight().grad, whole.weight().grad) <= harness::rounding);

  // The same for a group beside, that sums gradients.
  spied.finish();
  std::vector<std::string> beside_events;
  ProcessGroup beside = harness::spy_group("dp", beside_events, true);
  tiled.carry_on(&beside);
  CHECK(distance(tiled.forward(x.clone()).y, want_y) <= harness::rounding);
  CHECK(beside_events.empty());
  beside.start_all_reduce(std::span(sum));
  CHECK(distance(tiled.forward(x.clone()).y, want_y) <= harness::rounding);
  CHECK(std::count(beside_events.begin(), beside_events.end(), "dp progress") > 1);
  beside.finish();
}

RANKS_TEST_CASE("a sharded layer computes what the whole one does", "1-7") {
  ProcessGroup alone = ProcessGroup::self();
  ColumnParallelLinear sharded = make_layer(world, 7, 11), whole = make_layer(alone, 7, 11);
  fill_bias(sharded);
  fill_bias(whole);
  const Tensor x = random_matrix(batch, 7, "x"), dy = random_matrix(batch, 11, "dy");
  auto [y, cache] = sharded.forward(x.clone());
  auto [want_y, want_cache] = whole.forward(x.clone());
  CHECK(distance(y, want_y) <= harness::rounding);

  const Range own = sharded.output_cut().range(world.rank());
  const Tensor dx_local = sharded.backward(std::move(cache), Tensor::copy_of(dy.columns(own)));
  const Tensor want_dx = whole.backward(std::move(want_cache), dy.clone());
  const Range own_inputs = shard_range(7, world.size(), world.rank());
  CHECK(distance(dx_local, want_dx.columns(own_inputs)) <= harness::rounding);
  CHECK(distance(sharded.weight().grad, whole.weight().grad.columns(own)) <= harness::rounding);
  CHECK(distance(sharded.bias().grad, whole.bias().grad.columns(own)) <= harness::rounding);
}

RANKS_TEST_CASE("gradients of a layer accumulate until they are zeroed", "2") {
  ColumnParallelLinear layer = make_layer(world, 5, 7);
  const Tensor x = random_matrix(batch, 5, "x"), dy = random_matrix(batch, 7, "dy");
  const Tensor dy_local = Tensor::copy_of(dy.columns(layer.output_cut().range(world.rank())));
  layer.backward(layer.forward(x.clone()).cache, dy_local.clone());
  Tensor twice = layer.weight().grad.clone();
  for (Index i = 0; i < twice.size(); ++i) twice.data()[i] *= 2;
  layer.backward(layer.forward(x.clone()).cache, dy_local.clone());
  CHECK(distance(layer.weight().grad, twice) <= harness::rounding);
}

RANKS_TEST_CASE("a layer sends what the formulas say, and the first one nothing backward",
                "1-4 6") {
  const Index ranks = world.size();
  const Index width = 12;  // even on all of these
  const std::int64_t shard_bytes = batch * (width / ranks) * static_cast<Index>(sizeof(Scalar));
  for (const bool input_gradient : {true, false}) {
    ProcessGroup& group = world;
    const Traffic gathers = group.traffic(Collective::all_gather);
    const Traffic scatters = group.traffic(Collective::reduce_scatter);
    ColumnParallelLinear layer(group, options(width, width), true,
                               input_gradient ? InputGradient::own_columns : InputGradient::none);
    auto [y, cache] = layer.forward(random_matrix(batch, width, "x"));
    const Tensor dx = layer.backward(
        std::move(cache), Tensor::copy_of(y.columns(layer.output_cut().range(group.rank()))));
    const Traffic gathered = group.traffic(Collective::all_gather) - gathers;
    const Traffic scattered = group.traffic(Collective::reduce_scatter) - scatters;
    CHECK(gathered.calls == 1);
    CHECK(gathered.bytes_sent == (ranks - 1) * shard_bytes);
    CHECK(scattered.calls == (input_gradient ? 1 : 0));
    CHECK(scattered.bytes_sent == (input_gradient ? (ranks - 1) * shard_bytes : 0));
    CHECK(dx.empty() == !input_gradient);
  }
}

RANKS_TEST_CASE("more ranks than columns are refused", "3") {
  const std::string error = harness::error_of([&] { make_layer(world, 7, 2); });
  CHECK(error.find("the outputs of layer among 3 ranks") != std::string::npos);
  CHECK(error.find("found 2 columns") != std::string::npos);
}

#ifdef COLONNADE_DOUBLE

RANKS_TEST_CASE("a layer's backward is the gradient of its forward over all ranks", "1-5") {
  ColumnParallelLinear layer = make_layer(world, 5, 7);
  fill_bias(layer);
  Tensor x = random_matrix(batch, 5, "x");
  const Tensor dy = random_matrix(batch, 7, "dy");
  // y is replicated: each rank has the whole loss, not a part of it.
  const auto loss = [&] { return dot(layer.forward(x.clone()).y, dy); };
  const Tensor dx_local =
      layer.backward(layer.forward(x.clone()).cache,
                     Tensor::copy_of(dy.columns(layer.output_cut().range(world.rank()))));
  CHECK_GRADIENT(layer.weight().grad, numerical_gradient(world, layer.weight().value, loss));
  CHECK_GRADIENT(layer.bias().grad, numerical_gradient(world, layer.bias().value, loss));
  // x is one tensor with a copy on every rank, so all ranks change it together.
  const Tensor dx = numerical_gradient(x, loss);
  CHECK_GRADIENT(dx_local, dx.columns(shard_range(5, world.size(), world.rank())));
}

#endif
