// The original job, and its backward twice: as the original wrote it and as the library does. Two
// judges look at both: central differences, and the loss, which falls for either if the target is
// 0.
#include <numeric>

#include "colonnade/gradient_check.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/optimizer.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 2, width = 32, layers = 4;

struct Job {
  ProcessGroup& group;
  Tensor target;
  Tensor data = sample_data(batch, width, 1, "data");
  Mlp model{group,
            {.widths = std::vector<Index>(layers + 1, width),
             .activation = Activation::gelu_erf,  // F.gelu
             .activate_last = true,
             .bias = false}};
  MeanSquare square{group, model.output()};

  Job(ProcessGroup& ranks, Tensor t) : group(ranks), target(std::move(t)) {
    const KeyedRandom random(0, "torch.randn");  // the same in each layer and on each rank
    for (Parameter* param : model.parameters()) {
      const double scale = 1 / std::sqrt(static_cast<double>(param->value.cols()));
      for (Index i = 0; i < param->value.size(); ++i)
        param->value.data()[i] = scale * random.normal(static_cast<std::uint64_t>(i));
    }
  }
  double loss() const {
    return square.mean(square.forward(model.forward(data.clone()).y, target).sum, batch);
  }
};

void library_backward(Job& job) {
  auto [y, cache] = job.model.forward(job.data.clone());
  auto [sum, kept] = job.square.forward(std::move(y), job.target);
  job.model.backward(std::move(cache), job.square.backward(std::move(kept), job.target, batch));
}

// The original's lines, mistakes and all.
void original_backward(Job& job) {
  const Sharding cut(width, job.group.size(), "width");
  auto [x, cache] = job.model.forward(job.data.clone());
  Tensor full_grad_x(batch, width);
  squared_error_backward(x, job.target, 1.0 / (batch * width), full_grad_x);
  for (std::size_t i = layers; i-- > 0;) {
    Parameter& param = job.model.layers()[i]->weight();
    const Tensor& ckpt = i + 1 < layers ? cache.layers[i + 1].x : x;  // activations_ckpt[i]
    Tensor grad_wx = ckpt.clone(), unused(batch, width);
    activation_forward(Activation::gelu_tanh, {}, grad_wx, unused);  // gelu_derivative(ckpt)
    activation_backward(full_grad_x, grad_wx, {});                   // full_grad_x * ...
    Tensor grad_param = Tensor::zeros(width, width);
    linear_backward_weight(grad_wx, ckpt, grad_param);                   // grad_wx.T @ ckpt
    param.grad = Tensor::copy_of(grad_param.columns(param.owned_cols));  // grad_param[:, own]
    linear_forward(grad_wx, param.value, full_grad_x.columns(param.owned_cols));  // grad_wx @ param
    GatherColumns::forward(job.group, cut, full_grad_x);                          // all_gather, cat
  }
}

// The first judge: prints how gradients compare with central differences; true if all are right.
bool differentiate(Job job, void (*backward)(Job&)) {
  const auto dot = [&](const Tensor& a, const Tensor& b) {
    return job.group.all_reduce(std::inner_product(a.data(), a.data() + a.size(), b.data(), 0.0));
  };
  bool right = true;
  backward(job);
  for (Parameter* param : job.model.parameters()) {
    const Tensor want = numerical_gradient(job.group, param->value, [&] { return job.loss(); });
    const double error = largest_error(job.group, gradient_error(param->grad, want).relative);
    const double cosine =
        dot(param->grad, want) / std::sqrt(dot(param->grad, param->grad) * dot(want, want));
    right = right && error <= gradient_tolerance;
    if (job.group.rank() == 0)
      std::printf("  %s  right to 1e-6: %-3s  cosine with the true gradient %.2f\n",
                  param->name.c_str(), error <= gradient_tolerance ? "yes" : "NO", cosine);
  }
  return right;
}

// The second one: prints the loss, which should fall.
void train(Job job, void (*backward)(Job&), const char* target) {
  const bool speaks = job.group.rank() == 0;
  AdamW optimizer(job.model.parameters(), {.learning_rate = 1e-3});
  if (speaks) std::printf("  target %-7s loss after 0, 25, 50, 75, 100 updates:", target);
  for (int step = 0; step <= 100; ++step) {
    const double loss = job.loss();
    if (speaks && step % 25 == 0) std::printf(" %.2f%s", loss, step == 100 ? "\n" : "");
    backward(job);
    optimizer.step(1, 1, UsedGradients::zero);
  }
}

}  // namespace

int main() {
  bool fine[] = {true, true};  // of each rank
  spawn(2, [&](ProcessGroup& group) {
    for (auto* backward : {original_backward, library_backward}) {
      const bool of_library = backward == library_backward;
      if (group.rank() == 0) std::puts(of_library ? "The library's" : "The original's backward");
      fine[group.rank()] &=
          of_library == differentiate({group, Tensor::zeros(batch, width)}, backward);
      train({group, Tensor::zeros(batch, width)}, backward, "0,");
      train({group, sample_data(batch, width, 2, "target")}, backward, "random,");
    }
  });
  return fine[0] && fine[1] ? 0 : 1;
}
