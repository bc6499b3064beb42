// Forward and backward as in docs/math.md, and at each line where someone went wrong, the wrong
// line beside the right one.
#include "zoo/gather_chain.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "colonnade/regions.hpp"
#include "colonnade/sample_data.hpp"

namespace colonnade::zoo {

namespace {

// Square, as in the original: a transposed gradient still has the right shape.
constexpr Index width = 12;
constexpr Index rows = 14;
constexpr std::size_t depth = 3;
constexpr std::uint64_t seed = 0;

Tensor transposed(const Tensor& a) {
  Tensor result(a.cols(), a.rows());
  for (Index j = 0; j < a.cols(); ++j)
    for (Index i = 0; i < a.rows(); ++i) result(j, i) = a(i, j);
  return result;
}

/// The block of these columns of a weight.
Parameter weight_of(const std::string& name, Range columns) {
  return make_parameter({.name = name,
                         .rows = width,
                         .cols = width,
                         .owned_rows = {0, width},
                         .owned_cols = columns});
}

/// Positive, so that a GELU can reach it.
Tensor target() {
  Tensor t = sample_data(rows, width, seed, "target");
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = std::abs(t.data()[i]);
  return t;
}

}  // namespace

void GatherChain::check_ranks(int ranks) {
  if (ranks <= width && width % ranks == 0) return;
  throw Error("the zoo's layers are square and cut evenly, as the mistakes in them need it",
              {.wanted = "1, 2, 3, 4, 6 or 12 ranks", .found = std::to_string(ranks)});
}

GatherChain::GatherChain(ProcessGroup& group, Mistake mistake)
    : Network(group, mistake),
      cut_(width, group.size(), "the width of the zoo's chain"),
      x_(sample_data(rows, width, seed, "data")),
      t_(target()) {
  for (std::size_t i = 0; i < depth; ++i) {
    weights_.push_back(weight_of("layers." + std::to_string(i) + ".weight", own()));
    fill(weights_.back());
  }
  if (has(Mistake::stale_cache)) kept_ = forward(sample_data(rows, width, seed, "warm-up"));
}

// --- Initial values: scale times normal(seed, name, index in the whole tensor) ------------------

void GatherChain::fill(Parameter& weight) const {
  Index inputs = width;                                        // right: all inputs of the layer
  if (has(Mistake::local_width_scale)) inputs = own().size();  // wrong: the rank's share of a width

  Parameter drawn = weight_of(weight.name, own());  // right: its name, its place in the whole
  if (has(Mistake::same_seed_on_ranks))
    drawn = weight_of(weight.name, {0, own().size()});  // wrong: each rank draws the first shard
  if (has(Mistake::one_seed_for_all))
    drawn = weight_of("weight", {0, own().size()});  // wrong: and each layer that of one matrix

  fill_normal(drawn, seed, 1 / std::sqrt(static_cast<double>(inputs)));
  weight.value = std::move(drawn.value);
}

// --- Forward: Z_r = X W_r, Y = all-gather of s(Z_r) ---------------------------------------------

std::vector<GatherChain::Cache> GatherChain::forward(const Tensor& input) {
  std::vector<Cache> caches;
  Tensor x = input.clone();
  for (std::size_t i = 0; i < depth; ++i) {
    Tensor z(x.rows(), own().size()), own_y(x.rows(), own().size());
    forward_product(x, weights_[i].value, z);
    Tensor scratch = z.clone();
    activation_forward(Activation::gelu_erf, {}, scratch, own_y);
    Tensor y = gather(i, own_y);
    caches.push_back({std::move(x), std::move(z), y.clone()});
    x = std::move(y);
  }
  return caches;
}

// Y [B, width] of the own columns
Tensor GatherChain::gather(std::size_t layer, const Tensor& own_y) {
  Tensor y = Tensor::zeros(own_y.rows(), width);
  std::copy_n(own_y.data(), own_y.size(), y.columns(own()).data);
  if (has(Mistake::missing_gather) && layer == 0) return y;  // wrong: other ranks' columns are 0
  GatherColumns::forward(*group_, cut_, y);                  // right
  return y;
}

double GatherChain::loss() {
  return squared_error_forward(forward(x_).back().y, t_) / static_cast<double>(t_.size());
}

// --- Backward: the same, from the last layer to the first ---------------------------------------

void GatherChain::compute_gradients() {
  for (Parameter& weight : weights_) weight.grad.set_zero();
  const std::vector<Cache> returned = forward(x_);
  const Tensor& y = returned.back().y;
  Tensor own_dy(rows, own().size());
  squared_error_backward(y.columns(own()), std::as_const(t_).columns(own()),
                         1 / static_cast<double>(t_.size()), own_dy);

  const std::vector<Cache>* caches = &returned;    // right: what this batch's forward returned
  if (has(Mistake::stale_cache)) caches = &kept_;  // wrong: what an earlier one left in the layers
  for (std::size_t i = depth; i-- > 0;) {
    const Tensor dz = own_dz((*caches)[i], own_dy);
    add_weight_gradient(i, (*caches)[i], dz);
    if (i > 0) own_dy = own_dx(i, dz);  // right: nobody wants that of the data
    if (i == 0 && has(Mistake::work_for_nothing)) own_dx(i, dz);  // wrong: computed, and summed
  }
}

// dZ_r = dY[:, r] * s'(Z_r)
Tensor GatherChain::own_dz(const Cache& cache, const Tensor& own_dy) const {
  Activation s = Activation::gelu_erf;                      // right: the one of forward
  if (has(Mistake::other_gelu)) s = Activation::gelu_tanh;  // wrong: its approximation
  Tensor at = cache.z.clone();                              // right: where s was evaluated
  if (has(Mistake::derivative_at_output))
    at = Tensor::copy_of(cache.y.columns(own()));  // wrong: s(Z_r) itself

  Tensor unused(at.rows(), at.cols());
  activation_forward(s, {}, at, unused);  // leaves s' in the place of its argument
  activation_backward(own_dy, at, {});
  return at;
}

// dW_r += X^T dZ_r: complete, for a rank has all rows of both.
void GatherChain::add_weight_gradient(std::size_t layer, const Cache& cache, const Tensor& dz) {
  Tensor& dw = weights_[layer].grad;
  if (has(Mistake::output_for_input)) {
    weight_product(cache.y, dz, dw);  // wrong: Y^T dZ_r
  } else if (has(Mistake::transposed_gradient)) {
    const Tensor whole = whole_weight_gradient(cache, dz);
    accumulate(transposed(whole).columns(own()), dw);  // wrong: dZ^T X, its own columns
  } else if (has(Mistake::sliced_along_inputs)) {
    const Tensor own_rows = rows_of(whole_weight_gradient(cache, dz), own(), system_memory());
    accumulate({own_rows.data(), dw.rows(), dw.cols()}, dw);  // wrong: own rows of X^T dZ
  } else if (has(Mistake::work_for_nothing)) {
    const Tensor whole = whole_weight_gradient(cache, dz);
    accumulate(whole.columns(own()), dw);  // wrong: all of X^T dZ, for own columns of it
  } else {
    weight_product(cache.x, dz, dw);  // right
  }
  if (has(Mistake::complete_summed)) CopyToRanks::backward(*group_, dw);  // wrong: was complete
}

// dX[:, r] = own columns of the sum over ranks of dZ_r W_r^T
Tensor GatherChain::own_dx(std::size_t layer, const Tensor& dz) {
  const Tensor& w = weights_[layer].value;
  if (has(Mistake::weight_not_transposed)) {
    Tensor own_dx(rows, own().size());
    forward_product(gathered(dz), w, own_dx);  // wrong: all of dZ by W_r
    return own_dx;
  }
  Tensor partial_dx(rows, width);
  input_product(dz, w, partial_dx);  // right: dZ_r W_r^T, this rank's summand of all columns
  return sum(partial_dx);
}

// Of the ranks' partial dX [B, width] the sum's own columns.
Tensor GatherChain::sum(const Tensor& partial_dx) {
  if (has(Mistake::gathered_for_summed))
    return Tensor::copy_of(partial_dx.columns(own()));  // wrong: this rank's summand alone
  Tensor own_dx = GatherColumns::backward(*group_, cut_, partial_dx);  // right
  if (has(Mistake::mean_for_sum))
    for (Index i = 0; i < own_dx.size(); ++i) own_dx.data()[i] /= group_->size();  // wrong
  return own_dx;
}

// --- What the mistakes above need, and nobody else ----------------------------------------------

Tensor GatherChain::gathered(const Tensor& own_columns) {
  Tensor all(own_columns.rows(), width);
  std::copy_n(own_columns.data(), own_columns.size(), all.columns(own()).data);
  GatherColumns::forward(*group_, cut_, all);
  return all;
}

// X^T dZ [width, width], on every rank.
Tensor GatherChain::whole_weight_gradient(const Cache& cache, const Tensor& own_dz) {
  Tensor whole = Tensor::zeros(width, width);
  weight_product(cache.x, gathered(own_dz), whole);
  return whole;
}

// --- For the checks -----------------------------------------------------------------------------

std::vector<Parameter*> GatherChain::parameters() {
  std::vector<Parameter*> all;
  for (Parameter& weight : weights_) all.push_back(&weight);
  return all;
}

Tensor GatherChain::output() {
  return std::move(forward(x_).back().y);
}

std::vector<Replica> GatherChain::replicas() {
  std::vector<Replica> all;
  for (Cache& cache : forward(x_)) {
    all.push_back({"the output of layers." + std::to_string(all.size()), std::move(cache.y)});
  }
  return all;
}

std::optional<Passage> GatherChain::passage() {
  return Passage{cut_, [this](const Tensor& own_y) { return gather(0, own_y); },
                 [this](const Tensor& partial_dx) { return sum(partial_dx); }};
}

Job GatherChain::job() const {
  return {.model = {.widths = std::vector<Index>(depth + 1, width),
                    .activation = Activation::gelu_erf,
                    .activate_last = true,
                    .bias = false,
                    .seed = seed},
          .mesh = {.dp = 1, .tp = group_->size()},
          .scalar_bytes = sizeof(Scalar)};
}

}  // namespace colonnade::zoo
