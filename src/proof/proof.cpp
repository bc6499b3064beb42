#include "colonnade/proof.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "colonnade/gradient_check.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/sample_data.hpp"

static_assert(sizeof(colonnade::Scalar) == 8, "the proof belongs to the double build");

namespace colonnade {

namespace {

double loss_of(const Mlp& model, const Tensor& x, const Tensor& t) {
  return MeanSquare::forward(model.forward(x.clone(model.memory())).y, t);
}

void accumulate_gradients(Mlp& model, const Tensor& x, const Tensor& t) {
  auto [y, cache] = model.forward(x.clone(model.memory()));
  model.backward(std::move(cache),
                 MeanSquare::backward(y, t, model.output_columns(), model.memory()));
}

double largest_element(const Tensor& tensor) {
  double largest = 0;
  for (Index i = 0; i < tensor.size(); ++i) largest = std::max(largest, std::abs(tensor.data()[i]));
  return largest;
}

}  // namespace

GradientProof prove_gradients(ProcessGroup& group, const MlpOptions& options, Index rows) {
  ProcessGroup alone = ProcessGroup::self();
  Mlp sharded(group, options);
  Mlp whole(alone, options);
  const Tensor x = sample_data(rows, options.widths.front(), options.seed, "proof.x");
  const Tensor t = Tensor::zeros(rows, options.widths.back());
  accumulate_gradients(sharded, x, t);
  accumulate_gradients(whole, x, t);

  GradientProof proof;
  proof.tolerance = gradient_tolerance;
  for (std::size_t i = 0; i < sharded.parameters().size(); ++i) {
    const Parameter& part = *sharded.parameters()[i];
    Parameter& all = *whole.parameters()[i];
    const Tensor differences =
        numerical_gradient(all.value.columns(part.owned), [&] { return loss_of(whole, x, t); });
    const double scale = largest_element(all.grad);
    const double from_differences =
        largest_error(group, gradient_error(part.grad, differences, scale).relative);
    const double from_one_rank = largest_error(
        group, gradient_error(part.grad, all.grad.columns(part.owned), scale).relative);
    if (!(from_differences <= proof.against_differences)) {
      proof.against_differences = from_differences;
      proof.farthest = part.name;
    }
    if (!(from_one_rank <= proof.against_one_rank)) proof.against_one_rank = from_one_rank;
    proof.gradients += part.global_size();
    if (std::isnan(from_differences) || std::isnan(from_one_rank)) break;
  }
  return proof;
}

}  // namespace colonnade
