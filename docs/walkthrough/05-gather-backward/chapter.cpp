// Backward of the all-gather layer on two ranks: what each can compute alone, what must be summed,
// and central differences as the judge of both.

#include <utility>

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/gradient_check.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 2, in = 3, out = 5;

Tensor input() {
  return matrix({{1, 2, -1},  //
                 {0.5, -1, 1}});
}
// What comes down from the loss. With L = sum of dY * Y this is dL/dY.
Tensor output_gradient() {
  return matrix({{1, -1, 2, 0, 1},  //
                 {0, 3, -1, 1, 2}});
}

// L, of this rank's columns of Y and then of all. Collective.
double loss(ProcessGroup& group, ConstMatrixView x, const ColumnParallelLinear& layer) {
  const Range own = layer.output_cut().range(group.rank());
  Tensor z(batch, own.size()), y(batch, own.size());
  linear_forward(x, layer.weight().value, z);
  activation_forward(Activation::gelu_tanh, layer.bias().value, z, y);
  const Tensor dy = output_gradient();
  double sum = 0;
  for (Index i = 0; i < y.size(); ++i) sum += y.data()[i] * dy.columns(own).data[i];
  return group.all_reduce(sum);
}

struct Gradients {
  Tensor dx;  // own columns [B, in_local]
  Tensor dw;  // of the own columns of W [in, out_local]
};

// `derivative` is s'(Z_r), which forward has kept, and `cut` that of the layer below.
Gradients backward_by_hand(ProcessGroup& group, const Sharding& cut, ConstMatrixView x,
                           ConstMatrixView w, ConstMatrixView dy_local, Tensor derivative) {
  Tensor db = Tensor::zeros(1, w.cols), dw = Tensor::zeros(w.rows, w.cols), partial(batch, in);
  activation_backward(dy_local, derivative, db);  // dZ_r = dY[:, r] * s'(Z_r)
  const Tensor dz = std::move(derivative);        // which has taken its place
  linear_backward_weight(x, dz, dw);              // dW_r += X^T dZ_r
  linear_backward_input(dz, w, partial);          // partial dX = dZ_r W_r^T
  say_all(group, "has a part of the sum of dX:\n" + show(partial, 3));
  Tensor dx = GatherColumns::backward(group, cut, partial);
  say_all(group, "has its columns of dX:\n" + show(dx, 3));
  return {std::move(dx), std::move(dw)};
}

bool prove(ProcessGroup& group) {
  ColumnParallelLinear layer(
      group,
      {.name = "layer", .in = in, .out = out, .activation = Activation::gelu_tanh, .seed = 5},
      /*gather_output=*/true, InputGradient::own_columns);
  const Range own = layer.output_cut().range(group.rank());
  const Tensor dy = output_gradient();
  LinearLayer::Output output = layer.forward(input());

  const Gradients found = backward_by_hand(group, layer.input_cut(), input(), layer.weight().value,
                                           dy.columns(own), output.cache.derivative.clone());

  // All ranks change the same element of X at once, for it is the same on all; of W one after the
  // other.
  Tensor x = input();
  const Tensor dx = numerical_gradient(x, [&] { return loss(group, x, layer); });
  const Tensor dw =
      numerical_gradient(group, layer.weight().value, [&] { return loss(group, x, layer); });
  if (group.rank() == 0) std::printf("dX by central differences:\n%s\n", show(dx, 3).c_str());

  bool right = check(group, "dX agrees with central differences to below 1e-8",
                     distance(found.dx, dx.columns(layer.input_cut().range(group.rank()))) < 1e-8);
  right &= check(group, "dW agrees, without any message", distance(found.dw, dw) < 1e-8);
  const Tensor of_layer = layer.backward(std::move(output.cache), Tensor::copy_of(dy.columns(own)));
  return check(group, "the library's layer computes the same",
               distance(of_layer, found.dx) < 1e-12) &&
         right;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool right = prove(group);
    if (group.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
