#include "colonnade/optimizer.hpp"

#include <cmath>
#include <utility>

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Some of a tensor's elements as one column.
MatrixView elements(Tensor& tensor, Range run) {
  return {tensor.data() + run.begin, run.size(), 1};
}

}  // namespace

std::vector<Range> element_runs(const Parameter& parameter, int ranks) {
  std::vector<Range> runs;
  for (int rank = 0; rank < ranks; ++rank) {
    runs.push_back(shard_range(parameter.value.size(), ranks, rank));
  }
  return runs;
}

AdamW::AdamW(std::span<Parameter* const> parameters, const AdamWOptions& options,
             ProcessGroup* moments_over)
    : options_(options), moments_over_(moments_over) {
  const int ranks = moments_over == nullptr ? 1 : moments_over->size();
  const int rank = moments_over == nullptr ? 0 : moments_over->rank();
  if (moments_over != nullptr) account_ = moments_over->account("update");
  for (Parameter* parameter : parameters) {
    std::vector<Range> runs = element_runs(*parameter, ranks);
    const Range own = runs[static_cast<std::size_t>(rank)];
    moments_.push_back({parameter, std::move(runs), own, Tensor::zeros(own.size(), 1),
                        Tensor::zeros(own.size(), 1)});
  }
}

void AdamW::step(double factor, double gradient_scale) {
  ++updates_;
  AdamWCoefficients c = {
      .learning_rate = options_.learning_rate * factor,
      .beta1 = options_.beta1,
      .beta2 = options_.beta2,
      .eps = options_.eps,
      .weight_decay = 0,
      .correction1 = 1 - std::pow(options_.beta1, static_cast<double>(updates_)),
      .correction2 = 1 - std::pow(options_.beta2, static_cast<double>(updates_)),
      .gradient_scale = gradient_scale,
  };
  for (Moments& moments : moments_) {
    Parameter& parameter = *moments.parameter;
    c.weight_decay = !parameter.is_bias || options_.decay_bias ? options_.weight_decay : 0;
    adamw_update(c, elements(parameter.grad, moments.own), elements(parameter.value, moments.own),
                 moments.first, moments.second);
    if (moments_over_ == nullptr) continue;
    const AccountScope charge = moments_over_->charge(account_);
    Tensor& value = parameter.value;
    moments_over_->all_gather(std::span(value.data(), static_cast<std::size_t>(value.size())),
                              std::span<const Range>(moments.pieces));
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
