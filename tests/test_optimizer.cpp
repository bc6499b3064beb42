// AdamW in closed form, and what decays.
#include <array>
#include <cmath>

#include "colonnade/optimizer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

namespace {

Parameter parameter_of(bool is_bias) {
  Parameter parameter = make_parameter({.name = "p",
                                        .rows = 3,
                                        .cols = 2,
                                        .owned_rows = {0, 3},
                                        .owned_cols = {0, 2},
                                        .is_bias = is_bias});
  for (Index i = 0; i < 6; ++i) parameter.value.data()[i] = static_cast<Scalar>(i + 1);
  return parameter;
}

void set_gradient(Parameter& parameter, double value) {
  for (Index i = 0; i < 6; ++i) parameter.grad.data()[i] = static_cast<Scalar>(value);
}

}  // namespace

TEST_CASE("under a constant gradient every step moves by the learning rate") {
  // m / correction1 is g and v / correction2 is g^2 exactly, so a step is lr g / (|g| + eps).
  Parameter parameter = parameter_of(false);
  const std::array<Parameter*, 1> all = {&parameter};
  AdamW optimizer(all, {.learning_rate = 0.1, .weight_decay = 0});
  set_gradient(parameter, -0.25);
  for (int t = 1; t <= 10; ++t) {
    optimizer.step();
    for (Index i = 0; i < 6; ++i) {
      const double want = static_cast<double>(i + 1) + 0.1 * t;
      CHECK(std::abs(double{parameter.value.data()[i]} - want) < 1000 * harness::epsilon + 1e-7);
    }
  }
}

TEST_CASE("without a gradient weights decay by (1 - lr wd) a step and biases only if asked to") {
  for (const bool is_bias : {false, true}) {
    for (const bool decay_bias : {false, true}) {
      Parameter parameter = parameter_of(is_bias);
      const std::array<Parameter*, 1> all = {&parameter};
      AdamW optimizer(all, {.learning_rate = 0.1, .weight_decay = 0.5, .decay_bias = decay_bias});
      for (int t = 0; t < 3; ++t) optimizer.step();
      const double factor = is_bias && !decay_bias ? 1 : std::pow(1 - 0.1 * 0.5, 3);
      CHECK(std::abs(double{parameter.value.data()[5]} - 6 * factor) < 6 * harness::rounding);
    }
  }
}

TEST_CASE("the factor scales the step and the decay alike") {
  Parameter parameter = parameter_of(false);
  const std::array<Parameter*, 1> all = {&parameter};
  AdamW optimizer(all, {.learning_rate = 0.1, .weight_decay = 0.5});
  set_gradient(parameter, 1);
  optimizer.step(0.5);
  CHECK(std::abs(double{parameter.value.data()[0]} - (1 * (1 - 0.05 * 0.5) - 0.05)) < 1e-6);
  optimizer.step(0);
  CHECK(std::abs(double{parameter.value.data()[0]} - (1 * (1 - 0.05 * 0.5) - 0.05)) < 1e-6);
}

TEST_CASE("PyTorch's defaults") {
  const AdamWOptions options;
  CHECK(options.learning_rate == 1e-3);
  CHECK(options.weight_decay == 0.01);
  CHECK(options.beta1 == 0.9);
  CHECK(options.beta2 == 0.999);
  CHECK(options.eps == 1e-8);
  CHECK_FALSE(options.decay_bias);
}
