// The row-parallel layer against the unsharded one and against central differences, with its output
// on every rank and with each rank's own columns of it.
#include "colonnade/row_parallel_linear.hpp"

#include <string>
#include <utility>

#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::distance;
using harness::dot;
using harness::random_matrix;

namespace {

constexpr Index batch = 3, in = 11, out = 9;

LinearLayer::Options options() {
  return {.name = "layer",
          .in = in,
          .out = out,
          .activation = Activation::gelu_tanh,
          .bias = true,
          .seed = 7};
}

/// Biases start at zero, where one that is added on every rank goes unnoticed.
RowParallelLinear make_layer(ProcessGroup& group, bool shard_output) {
  RowParallelLinear layer(group, options(), shard_output);
  fill_normal(layer.bias(), 7, 1);
  return layer;
}

/// The columns of the output that a rank has.
Range output_of(const RowParallelLinear& layer, const ProcessGroup& group, bool shard_output) {
  return layer.output_cut().range(shard_output ? group.rank() : 0);
}

}  // namespace

RANKS_TEST_CASE("a layer cut by inputs computes what the whole one does", "1-8") {
  ProcessGroup alone = ProcessGroup::self();
  const Tensor x = random_matrix(batch, in, "x"), dy = random_matrix(batch, out, "dy");
  RowParallelLinear whole = make_layer(alone, false);
  auto [want_y, want_cache] = whole.forward(x.clone());
  const Tensor want_dx = whole.backward(std::move(want_cache), dy.clone());
  for (const bool shard_output : {false, true}) {
    RowParallelLinear sharded = make_layer(world, shard_output);
    const Range own = sharded.input_cut().range(world.rank());
    const Range columns = output_of(sharded, world, shard_output);
    auto [y, cache] = sharded.forward(Tensor::copy_of(x.columns(own)));
    CHECK(distance(y, want_y.columns(columns)) <= harness::rounding);
    const Tensor dx = sharded.backward(std::move(cache), Tensor::copy_of(dy.columns(columns)));
    CHECK(distance(dx, want_dx.columns(own)) <= harness::rounding);
    const Parameter &weight = sharded.weight(), &bias = sharded.bias();
    CHECK(distance(weight.value, block_of(whole.weight().value, weight)) == 0);
    CHECK(distance(weight.grad, block_of(whole.weight().grad, weight)) <= harness::rounding);
    CHECK(distance(bias.grad, block_of(whole.bias().grad, bias)) <= harness::rounding);
    CHECK(bias.replicated == !shard_output);
  }
}

RANKS_TEST_CASE("a layer cut by inputs sends one sum forward and nothing backward", "1-4") {
  RowParallelLinear layer = make_layer(world, false);
  const Range own = layer.input_cut().range(world.rank());
  auto [y, cache] = layer.forward(random_matrix(batch, own.size(), "x"));
  CHECK(world.traffic(Collective::all_reduce).calls == 1);
  layer.backward(std::move(cache), std::move(y));
  CHECK(world.traffic(Collective::all_reduce).calls == 1);
  CHECK(world.total_traffic().calls == 1);
}

RANKS_TEST_CASE("more ranks than inputs are refused", "3") {
  LinearLayer::Options narrow = options();
  narrow.in = 2;
  const std::string error = harness::error_of([&] { RowParallelLinear(world, narrow, false); });
  CHECK(error.find("the inputs of layer among 3 ranks") != std::string::npos);
}

#ifdef COLONNADE_DOUBLE

RANKS_TEST_CASE("backward of a layer cut by inputs is the gradient of its forward", "1-5") {
  for (const bool shard_output : {false, true}) {
    RowParallelLinear layer = make_layer(world, shard_output);
    const Range columns = output_of(layer, world, shard_output);
    Tensor x = Tensor::copy_of(
        random_matrix(batch, in, "x").columns(layer.input_cut().range(world.rank())));
    const Tensor dy = Tensor::copy_of(random_matrix(batch, out, "dy").columns(columns));
    // A replicated y is one tensor, of which every rank has the whole loss; of a cut one each has
    // a part.
    const auto loss = [&] {
      const double own = dot(layer.forward(x.clone()).y, dy);
      return shard_output ? world.all_reduce(own) : own;
    };
    const Tensor dx = layer.backward(layer.forward(x.clone()).cache, dy.clone());
    CHECK_GRADIENT(dx, numerical_gradient(world, x, loss));
    CHECK_GRADIENT(layer.weight().grad, numerical_gradient(world, layer.weight().value, loss));
    // A replicated bias has a copy on every rank, and all change together.
    Tensor& bias = layer.bias().value;
    CHECK_GRADIENT(layer.bias().grad, shard_output ? numerical_gradient(world, bias, loss)
                                                   : numerical_gradient(bias, loss));
  }
}

#endif
