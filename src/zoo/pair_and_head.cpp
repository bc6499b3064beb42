// Forward and backward as in docs/math.md, and at each line where someone went wrong, the wrong
// line beside the right one.
#include "zoo/pair_and_head.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "colonnade/regions.hpp"
#include "colonnade/sample_data.hpp"

namespace colonnade::zoo {

namespace {

// Odd, so that ranks have unequal shares.
constexpr Index inputs = 7, hidden = 13, width = 11, classes = 15;
constexpr Index rows = 13;
constexpr double smoothing = 0.1;
constexpr double clip = 0.5;
constexpr std::uint64_t seed = 0;
constexpr Activation activation = Activation::gelu_tanh;

Range all(Index n) {
  return {0, n};
}

/// Biases too begin with random numbers: one that is 0 hides where it is added.
Parameter drawn(Parameter description, double scale) {
  Parameter parameter = make_parameter(std::move(description));
  fill_normal(parameter, seed, scale);
  return parameter;
}

Parameter weight(const std::string& name, Index in, Index out, Range own_in, Range own_out) {
  return drawn({.name = name, .rows = in, .cols = out, .owned_rows = own_in, .owned_cols = own_out},
               1 / std::sqrt(static_cast<double>(in)));
}

Parameter bias(const std::string& name, Index out, Range own_out, bool replicated) {
  return drawn({.name = name,
                .rows = 1,
                .cols = out,
                .owned_rows = all(1),
                .owned_cols = own_out,
                .is_bias = true,
                .replicated = replicated},
               0.5);
}

/// The class of row i is 5 i mod V.
Tensor one_hot(Range own_classes) {
  Tensor t = Tensor::zeros(rows, own_classes.size());
  for (Index i = 0; i < rows; ++i) {
    const Index label = 5 * i % classes;
    if (own_classes.begin <= label && label < own_classes.end) t(i, label - own_classes.begin) = 1;
  }
  return t;
}

}  // namespace

PairAndHead::PairAndHead(ProcessGroup& group, Mistake mistake)
    : Network(group, mistake),
      hidden_cut_(hidden, group.size(), "the hidden width of the zoo's pair"),
      class_cut_(classes, group.size(), "the classes of the zoo's head"),
      w1_(weight("layers.0.weight", inputs, hidden, all(inputs), own_hidden())),
      b1_(bias("layers.0.bias", hidden, own_hidden(), false)),
      w2_(weight("layers.1.weight", hidden, width, own_hidden(), all(width))),
      b2_(bias("layers.1.bias", width, all(width), true)),
      w3_(weight("layers.2.weight", width, classes, all(width), own_classes())),
      b3_(bias("layers.2.bias", classes, own_classes(), false)),
      x_(sample_data(rows, inputs, seed, "data")),
      t_(one_hot(own_classes())) {}

// --- Forward ------------------------------------------------------------------------------------

PairAndHead::Cache PairAndHead::forward() {
  Cache cache{.hidden = Tensor(rows, own_hidden().size()),
              .hidden_derivative = Tensor(rows, own_hidden().size()),
              .y = Tensor(rows, width),
              .y_derivative = Tensor(rows, width),
              .logits = Tensor(rows, own_classes().size()),
              .sums = {}};
  forward_product(x_, w1_.value, cache.hidden_derivative);  // H_r = s(X W1_r + b1_r)
  activation_forward(activation, b1_.value, cache.hidden_derivative, cache.hidden);
  forward_product(cache.hidden, w2_.value, cache.y_derivative);  // partial Z = H_r W2_r
  sum_over_ranks(cache.y_derivative, cache.y);                   // Y = s(Z + b2)
  forward_product(cache.y, w3_.value, cache.logits);             // l_r = Y W3_r + b3_r
  bias_forward(b3_.value, cache.logits);
  return cache;
}

// Y = s(all-reduce of the partial Z, + b2)
void PairAndHead::sum_over_ranks(Tensor& z, Tensor& y) {
  if (has(Mistake::bias_before_sum)) {
    bias_forward(b2_.value, z);  // wrong: each rank adds it to its summand
    ReduceFromRanks::forward(*group_, z);
    activation_forward(activation, {}, z, y);
  } else {
    ReduceFromRanks::forward(*group_, z);
    activation_forward(activation, b2_.value, z, y);  // right: once, to the sum
  }
}

// --- The loss: classes stay cut, four numbers a row travel --------------------------------------

// V in q = (1 - e) t + e / V
Index PairAndHead::smoothed_classes() const {
  if (has(Mistake::local_class_count)) return own_classes().size();  // wrong: those at hand
  return classes;                                                    // right: of all ranks
}

double PairAndHead::cross_entropy(Cache& cache) {
  Numbers largest(rows), sums(3 * rows);
  row_largest(cache.logits, largest.span());
  group_->all_reduce(largest.span(), Reduction::max);
  cross_entropy_forward(cache.logits, t_, largest.span(), sums.span());
  group_->all_reduce(sums.span());
  cache.sums = std::move(sums);
  return cross_entropy_loss(cache.sums.span(), smoothing, smoothed_classes()) / rows;
}

double PairAndHead::loss() {
  Cache cache = forward();
  return cross_entropy(cache);
}

// --- Backward -----------------------------------------------------------------------------------

void PairAndHead::compute_gradients() {
  for (Parameter* parameter : parameters()) parameter->grad.set_zero();
  Cache cache = forward();
  cross_entropy(cache);

  Tensor dl(rows, own_classes().size()), dy(rows, width), dh(rows, own_hidden().size());
  cross_entropy_backward(cache.logits, t_, cache.sums.span().first(rows), smoothing,
                         smoothed_classes(), 1.0 / rows, dl);
  bias_backward(dl, b3_.grad);            // db3_r += 1^T dl_r
  input_product(dl, w3_.value, dy);       // partial dY = dl_r W3_r^T
  sum_input_gradient(dy);                 // dY
  weight_product(cache.y, dl, w3_.grad);  // dW3_r += Y^T dl_r

  activation_backward(dy, cache.y_derivative, b2_.grad);  // dZ = dY * s'(Z), db2 += 1^T dZ
  const Tensor& dz = cache.y_derivative;
  input_product(dz, w2_.value, dh);            // dH_r = dZ W2_r^T
  weight_product(cache.hidden, dz, w2_.grad);  // dW2_r += H_r^T dZ

  activation_backward(dh, cache.hidden_derivative, b1_.grad);
  weight_product(x_, cache.hidden_derivative, w1_.grad);  // dW1_r += X^T dZ1_r
}

// Y is replicated and feeds sharded work, so dY is the sum of what the ranks found.
void PairAndHead::sum_input_gradient(Tensor& dy) {
  if (has(Mistake::missing_sum)) return;  // wrong: this rank's summand alone
  CopyToRanks::backward(*group_, dy);     // right
}

// --- The norm of all gradients, and clipping by it ----------------------------------------------

std::optional<double> PairAndHead::gradient_norm() {
  double squares = 0;
  for (const Parameter* parameter : parameters()) {
    bool counts = !parameter->replicated || group_->rank() == 0;  // right: one rank counts a copy
    if (has(Mistake::replicas_in_norm)) counts = true;            // wrong: every rank does
    if (counts) squares += sum_of_squares(parameter->grad);
  }
  if (has(Mistake::local_norm)) return std::sqrt(squares);  // wrong: of this rank's shards
  return std::sqrt(group_->all_reduce(squares));            // right: of all
}

double PairAndHead::update_scale() {
  return std::min(1.0, clip / (*gradient_norm() + 1e-6));
}

// --- For the checks -----------------------------------------------------------------------------

std::vector<Parameter*> PairAndHead::parameters() {
  return {&w1_, &b1_, &w2_, &b2_, &w3_, &b3_};
}

Tensor PairAndHead::output() {
  const Cache cache = forward();
  Tensor all_logits(rows, classes);
  std::copy_n(cache.logits.data(), cache.logits.size(), all_logits.columns(own_classes()).data);
  GatherColumns::forward(*group_, class_cut_, all_logits);
  return all_logits;
}

std::vector<Replica> PairAndHead::replicas() {
  std::vector<Replica> all;
  all.push_back({"layers.1.bias", b2_.value.clone()});
  all.push_back({"the output of layers.1", forward().y});
  return all;
}

Job PairAndHead::job() const {
  return {.model = {.widths = {inputs, hidden, width, classes},
                    .activation = activation,
                    .seed = seed,
                    .layout = Layout::pair,
                    .shard_output = true},
          .loss = {.kind = LossKind::cross_entropy, .label_smoothing = smoothing},
          .mesh = {.dp = 1, .tp = group_->size()},
          .clip = clip,
          .scalar_bytes = sizeof(Scalar)};
}

}  // namespace colonnade::zoo
