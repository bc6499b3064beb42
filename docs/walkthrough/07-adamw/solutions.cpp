// Solutions of chapter 7; exits with 1 if one is wrong.

#include "colonnade/optimizer.hpp"
#include "colonnade/sample_data.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr AdamWOptions options = {.learning_rate = 0.1};

// W [3, 5] on one rank, with a gradient that is `scale` times the same.
Parameter weight(double scale) {
  Parameter w = make_parameter(
      {.name = "w", .rows = 3, .cols = 5, .owned_rows = {0, 3}, .owned_cols = {0, 5}});
  fill_normal(w, 1, 1);
  w.grad = sample_data(3, 5, 1, "gradient");
  for (Index i = 0; i < w.grad.size(); ++i) w.grad.data()[i] *= scale;
  return w;
}

void update(Parameter& w, int steps) {
  Parameter* const parameters[] = {&w};
  AdamW optimizer(parameters, options);
  for (int step = 0; step < steps; ++step) optimizer.step();
}

// Exercise 1: the four lines of the formula for one number, `steps` times.
double updated(double w, double g, int steps) {
  const double lr = options.learning_rate, b1 = options.beta1, b2 = options.beta2;
  double m = 0, v = 0;
  for (int t = 1; t <= steps; ++t) {
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const double mean = m / (1 - std::pow(b1, t)), square = v / (1 - std::pow(b2, t));
    w = w * (1 - lr * options.weight_decay) - lr * mean / (std::sqrt(square) + options.eps);
  }
  return w;
}

bool formula_is_the_code() {
  Parameter w = weight(1);
  Tensor want = w.value.clone();
  for (Index i = 0; i < want.size(); ++i)
    want.data()[i] = updated(want.data()[i], w.grad.data()[i], 5);
  update(w, 5);
  return distance(w.value, want) < 1e-14;
}

// Exercise 2: half the gradient, as a mean over two ranks in the place of their sum makes it.
bool is_blind_to_scale() {
  Parameter right = weight(1), half = weight(0.5);
  const double gradients_differ = distance(right.grad, half.grad);
  update(right, 10);
  update(half, 10);
  return gradients_differ > 0.5 && distance(right.value, half.value) < 1e-5;
}

}  // namespace

int main() {
  const bool first = check("1: four lines are what the library computes", formula_is_the_code());
  const bool second = check("2: half the gradient makes the same steps", is_blind_to_scale());
  return first && second ? 0 : 1;
}
