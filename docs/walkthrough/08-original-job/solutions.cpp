// Solutions of chapter 8; exits with 1 if one is wrong.

#include "colonnade/gradient_check.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 3, width = 8, layers = 3;

enum class Join { sum, gather };

struct Job {
  ProcessGroup& group;
  Tensor data = sample_data(batch, width, 1, "data");
  Tensor target = sample_data(batch, width, 1, "target");
  Mlp model{group,
            {.widths = std::vector<Index>(layers + 1, width),
             .activation = Activation::gelu_erf,
             .activate_last = true,
             .bias = false}};
  explicit Job(ProcessGroup& ranks) : group(ranks) {}

  double loss() const {
    return squared_error_forward(model.forward(data.clone()).y, target) / (batch * width);
  }
};

// Exercise 1. The layer's cache holds what the original never kept: its input X, and s'(Z_r), taken
// at the pre-activation by the forward that knows which GELU it computed.
void mended_backward(Job& job, Join join) {
  const Sharding cut(width, job.group.size(), "width");
  const Range own = cut.range(job.group.rank());
  auto [y, cache] = job.model.forward(job.data.clone());
  Tensor dy(batch, own.size());  // own columns are all that a rank needs
  squared_error_backward(std::as_const(y).columns(own), std::as_const(job.target).columns(own),
                         1.0 / (batch * width), dy);
  for (std::size_t i = layers; i-- > 0;) {
    Parameter& param = job.model.layers()[i]->weight();
    Tensor dz = std::move(cache.layers[i].derivative);
    activation_backward(dy, dz, {});                            // dY[:, r] * s'(Z_r)
    linear_backward_weight(cache.layers[i].x, dz, param.grad);  // X^T dZ_r: complete
    if (i == 0) break;                                          // nobody asks for dX of the data
    Tensor partial(batch, width);
    linear_backward_input(dz, param.value, partial);  // dZ_r W_r^T: partial
    dy = join == Join::sum ? GatherColumns::backward(job.group, cut, partial)
                           : Tensor::copy_of(std::as_const(partial).columns(own));
  }
}

bool is_right(ProcessGroup& group, Join join) {
  Job job(group);
  mended_backward(job, join);
  bool right = true;
  for (Parameter* param : job.model.parameters()) {
    const Tensor want = numerical_gradient(group, param->value, [&] { return job.loss(); });
    const double error = largest_error(group, gradient_error(param->grad, want).relative);
    right = right && error <= gradient_tolerance;
  }
  return right;
}

// Also on three ranks, which don't divide 8.
bool mended_is_right() {
  bool all = true;
  for (const int ranks : {1, 2, 3})
    spawn(ranks, [&](ProcessGroup& group) {
      const bool right = is_right(group, Join::sum);
      if (group.rank() == 0) all = all && right;
    });
  return all;
}

// Exercise 2: without the sum a single rank is still right, and two are not.
bool one_rank_is_blind() {
  bool right[3] = {};
  for (const int ranks : {1, 2})
    spawn(ranks, [&](ProcessGroup& group) {
      const bool verdict = is_right(group, Join::gather);
      if (group.rank() == 0) right[ranks] = verdict;
    });
  return right[1] && !right[2];
}

}  // namespace

int main() {
  const bool first =
      check("1: the mended backward is right on 1, 2 and 3 ranks", mended_is_right());
  const bool second = check("2: one rank is blind for the gather, two see it", one_rank_is_blind());
  return first && second ? 0 : 1;
}
