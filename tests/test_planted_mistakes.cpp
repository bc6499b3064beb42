// The checks are checked: a small all-gather network written out by hand, in which a mistake can be
// planted, must turn them red, and green without one. The mistakes are those of a well-known
// hundred lines of tensor parallelism, whose loss falls all the same, and a few that other systems
// shipped.
#ifdef COLONNADE_DOUBLE  // central differences need double

#include <cmath>
#include <string>
#include <vector>

#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/random.hpp"
#include "colonnade/regions.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

namespace {

// Square, as in the original: a transposed gradient still has the right shape.
constexpr Index width = 8;
constexpr Index batch = 3;
constexpr std::size_t depth = 3;

enum class Mistake {
  none,
  derivative_at_output,           // s'(y) for s'(z): the pre-activation was never kept
  derivative_of_other_gelu,       // erf forward, tanh derivative
  output_for_input,               // dW = Y^T dZ, the layer's own output in the place of its input
  transposed_weight_grad,         // dW = dZ^T X
  sliced_along_inputs,            // the rank's rows of dW where its columns belong
  weight_not_transposed,          // dX = dZ W
  gathered_instead_of_summed,     // each rank keeps its columns of its own partial dX
  mean_for_sum,                   // dX divided by the number of ranks
  gradient_summed_when_complete,  // dW all-reduced though it is complete
};

struct Planted {
  Mistake mistake;
  std::string name;
  bool shows_on_one_rank;
};

const Planted planted[] = {
    {Mistake::derivative_at_output, "derivative at the output", true},
    {Mistake::derivative_of_other_gelu, "derivative of the other GELU", true},
    {Mistake::output_for_input, "output where the input belongs", true},
    {Mistake::transposed_weight_grad, "transposed weight gradient", true},
    {Mistake::sliced_along_inputs, "gradient sliced along inputs", false},
    {Mistake::weight_not_transposed, "weight not transposed", true},
    {Mistake::gathered_instead_of_summed, "dX gathered instead of summed", false},
    {Mistake::mean_for_sum, "mean for sum", false},
    {Mistake::gradient_summed_when_complete, "complete gradient summed again", false},
};

/// Its layers' weights [width, width / P], forward with what backward needs, backward.
struct HandWrittenNetwork {
  ProcessGroup& group;
  Mistake mistake;
  Sharding cut;
  std::vector<Tensor> w;

  struct Layer {
    Tensor x, z, y;  // input [B, width], own pre-activation [B, width / P], output [B, width]
  };

  HandWrittenNetwork(ProcessGroup& ranks, Mistake planted_mistake)
      : group(ranks), mistake(planted_mistake), cut(width, ranks.size(), "width") {
    for (std::size_t i = 0; i < depth; ++i) {
      const Tensor whole = random_matrix(width, width, "w" + std::to_string(i));
      w.push_back(Tensor::copy_of(whole.columns(own())));
    }
  }

  Range own() const { return cut.range(group.rank()); }

  static Tensor transposed(const Tensor& a) {
    Tensor result(a.cols(), a.rows());
    for (Index j = 0; j < a.cols(); ++j)
      for (Index i = 0; i < a.rows(); ++i) result(j, i) = a(i, j);
    return result;
  }

  Activation activation() const {
    return mistake == Mistake::derivative_of_other_gelu ? Activation::gelu_erf
                                                        : Activation::gelu_tanh;
  }

  std::vector<Layer> forward(const Tensor& input) const {
    std::vector<Layer> layers;
    Tensor x = Tensor::copy_of(input);
    for (std::size_t i = 0; i < depth; ++i) {
      Tensor z(batch, own().size()), y(batch, width);
      linear_forward(x, w[i], z);
      Tensor scratch = Tensor::copy_of(z);
      activation_forward(activation(), {}, scratch, y.columns(own()));
      GatherColumns::forward(group, cut, y);
      layers.push_back({std::move(x), std::move(z), Tensor::copy_of(y)});
      x = std::move(y);
    }
    return layers;
  }

  double loss(const Tensor& input, const Tensor& target) const {
    return squared_error_forward(forward(input).back().y, target) / (batch * width);
  }

  std::vector<Tensor> backward(const std::vector<Layer>& layers, const Tensor& target) const {
    std::vector<Tensor> dw(depth);
    Tensor dy(batch, own().size());
    squared_error_backward(layers.back().y.columns(own()), target.columns(own()),
                           1.0 / (batch * width), dy);
    for (std::size_t i = depth; i-- > 0;) {
      Tensor dz = own_dz(layers[i], dy);
      dw[i] = weight_gradient(layers[i], dz);
      dy = input_gradient(w[i], dz);
    }
    return dw;
  }

 private:
  Tensor own_dz(const Layer& layer, const Tensor& dy) const {
    Tensor derivative = mistake == Mistake::derivative_at_output
                            ? Tensor::copy_of(layer.y.columns(own()))
                            : Tensor::copy_of(layer.z);
    Tensor unused(derivative.rows(), derivative.cols());
    // Whatever forward used, the derivative is the tanh one's: right unless forward took the other.
    activation_forward(Activation::gelu_tanh, {}, derivative, unused);
    activation_backward(dy, derivative, {});
    return derivative;
  }

  Tensor weight_gradient(const Layer& layer, const Tensor& dz) const {
    Tensor all_dz(batch, width);
    std::copy_n(dz.data(), dz.size(), all_dz.columns(own()).data);
    GatherColumns::forward(group, cut, all_dz);
    const Tensor& x = mistake == Mistake::output_for_input ? layer.y : layer.x;
    Tensor whole = Tensor::zeros(width, width);
    linear_backward_weight(x, all_dz, whole);
    if (mistake == Mistake::transposed_weight_grad) whole = transposed(whole);
    if (mistake == Mistake::sliced_along_inputs) {
      const Tensor rows_first = transposed(whole);
      return reshaped(transposed(Tensor::copy_of(rows_first.columns(own()))));
    }
    Tensor dw = Tensor::copy_of(whole.columns(own()));
    if (mistake == Mistake::gradient_summed_when_complete) ReduceFromRanks::forward(group, dw);
    return dw;
  }

  Tensor reshaped(const Tensor& a) const {
    return Tensor::copy_of({a.data(), width, own().size()});
  }

  Tensor input_gradient(const Tensor& weight, const Tensor& dz) const {
    Tensor dx(batch, width);
    if (mistake == Mistake::weight_not_transposed) {
      // The original's shapes: the whole dZ by the rank's columns of W.
      Tensor all_dz(batch, width), own_dx(batch, own().size());
      std::copy_n(dz.data(), dz.size(), all_dz.columns(own()).data);
      GatherColumns::forward(group, cut, all_dz);
      linear_forward(all_dz, weight, own_dx);
      return own_dx;
    }
    linear_backward_input(dz, weight, dx);
    if (mistake == Mistake::gathered_instead_of_summed) return Tensor::copy_of(dx.columns(own()));
    Tensor own_dx = GatherColumns::backward(group, cut, dx);
    if (mistake == Mistake::mean_for_sum) {
      for (Index i = 0; i < own_dx.size(); ++i) own_dx.data()[i] /= group.size();
    }
    return own_dx;
  }
};

/// The largest error of all weight gradients on any rank, by the same checker that judges the
/// library. The wanted gradients are central differences of the whole network on one rank.
double gradient_check(ProcessGroup& group, Mistake mistake) {
  HandWrittenNetwork network(group, mistake);
  const Tensor x = random_matrix(batch, width, "x");
  const Tensor t = random_matrix(batch, width, "t");
  const std::vector<Tensor> dw = network.backward(network.forward(x), t);

  ProcessGroup alone = ProcessGroup::self();
  HandWrittenNetwork whole(alone, mistake);
  double worst = 0;
  for (std::size_t i = 0; i < depth; ++i) {
    const Tensor want =
        numerical_gradient(whole.w[i].columns(network.own()), [&] { return whole.loss(x, t); });
    const double error = largest_error(group, gradient_error(dw[i], want).relative);
    if (!(error <= worst)) worst = error;  // NaN is the worst
  }
  return worst;
}

}  // namespace

RANKS_TEST_CASE("the gradient check is green on the network without a mistake", "1-8") {
  CHECK(gradient_check(world, Mistake::none) <= gradient_tolerance);
}

RANKS_TEST_CASE("the gradient check is red on every planted mistake", "1 2 4") {
  for (const Planted& plant : planted) {
    CAPTURE(plant.name);
    const double error = gradient_check(world, plant.mistake);
    if (world.size() > 1 || plant.shows_on_one_rank) {
      // The two GELUs are close, and so are their derivatives: 1e-4. All others are off by a
      // factor.
      CHECK(error > 100 * gradient_tolerance);
    } else {
      // What no test on one rank can find.
      CHECK(error <= gradient_tolerance);
    }
  }
}

// Mistakes that are no wrong derivative, but another model on every number of ranks: parity is the
// check that finds them.

namespace {

/// A [width, width] weight of which a rank owns these columns.
Parameter weight_of(const std::string& name, Range own) {
  return {.name = name, .rows = width, .cols = width, .owned_rows = {0, width}, .owned_cols = own};
}

}  // namespace

RANKS_TEST_CASE("parity is red when every rank draws the same numbers", "1-8") {
  const Sharding cut(width, world.size(), "width");
  const Range own = cut.range(world.rank());
  Parameter part = make_parameter(weight_of("w", own));
  // The shard's own index in the place of the global one: all ranks hold the first shard.
  part.owned_cols = {0, own.size()};
  fill_normal(part, 1, 1);
  Parameter whole = make_parameter(weight_of("w", {0, width}));
  fill_normal(whole, 1, 1);
  const bool same = harness::distance(part.value, whole.value.columns(own)) <= harness::rounding;
  CHECK(same == (own.begin == 0));
}

RANKS_TEST_CASE("parity is red when the scale is the local width's", "1 2 4") {
  const Sharding cut(width, world.size(), "width");
  const Range own = cut.range(world.rank());
  Parameter part = make_parameter(weight_of("w", own));
  fill_normal(part, 1, 1 / std::sqrt(static_cast<double>(own.size())));
  Parameter whole = make_parameter(weight_of("w", {0, width}));
  fill_normal(whole, 1, 1 / std::sqrt(static_cast<double>(width)));
  const bool same = harness::distance(part.value, whole.value.columns(own)) <= harness::rounding;
  CHECK(same == (world.size() == 1));
}

RANKS_TEST_CASE("parity is red when a row-parallel bias is added before the sum", "1 2 4") {
  const Sharding cut(width, world.size(), "width");
  const Range own = cut.range(world.rank());
  const Tensor x = random_matrix(batch, width, "x"), bias = random_matrix(1, 5, "bias");
  const Tensor w = random_matrix(width, 5, "w");
  const auto add_bias = [&](Tensor& y) {
    for (Index j = 0; j < y.cols(); ++j)
      for (Index i = 0; i < y.rows(); ++i) y(i, j) += bias(0, j);
  };
  Tensor want(batch, 5);
  linear_forward(x, w, want);
  add_bias(want);

  for (const bool before_sum : {false, true}) {
    Tensor own_rows(own.size(), 5), y(batch, 5);
    for (Index j = 0; j < 5; ++j)
      for (Index i = 0; i < own.size(); ++i) own_rows(i, j) = w(own.begin + i, j);
    linear_forward(x.columns(own), own_rows, y);
    if (before_sum) add_bias(y);
    ReduceFromRanks::forward(world, y);
    if (!before_sum) add_bias(y);
    const bool same = harness::distance(y, want) <= harness::rounding;
    CHECK(same == (!before_sum || world.size() == 1));
  }
}

#endif
