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
  const MeanSquare loss(model.group(), model.output());
  return loss.mean(loss.forward(model.forward(x.clone(model.memory())).y, t).sum, x.rows());
}

void accumulate_gradients(Mlp& model, const Tensor& x, const Tensor& t) {
  const MeanSquare loss(model.group(), model.output());
  auto [y, cache] = model.forward(x.clone(model.memory()));
  auto [sum, loss_cache] = loss.forward(std::move(y), t);
  model.backward(std::move(cache), loss.backward(std::move(loss_cache), t, x.rows()));
}

/// dL/dw for the block of the whole tensor that `part` holds, column by column.
Tensor numerical_gradient_of_block(Tensor& whole, const Parameter& part,
                                   const std::function<double()>& loss) {
  Tensor gradient(part.owned_rows.size(), part.owned_cols.size());
  for (Index col = 0; col < gradient.cols(); ++col) {
    const MatrixView column = {
        whole.data() + (part.owned_cols.begin + col) * whole.rows() + part.owned_rows.begin,
        gradient.rows(), 1};
    copy(numerical_gradient(column, loss), gradient.columns({col, col + 1}));
  }
  return gradient;
}

double largest_element(const Tensor& tensor) {
  const OnHost numbers(tensor);
  double largest = 0;
  for (const Scalar number : numbers.numbers()) largest = std::max(largest, std::abs(number));
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
        numerical_gradient_of_block(all.value, part, [&] { return loss_of(whole, x, t); });
    const double scale = largest_element(all.grad);
    const double from_differences =
        largest_error(group, gradient_error(part.grad, differences, scale).relative);
    const double from_one_rank =
        largest_error(group, gradient_error(part.grad, block_of(all.grad, part), scale).relative);
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
