#include "colonnade/data_parallel.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "colonnade/optimizer.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

std::span<Scalar> elements(Tensor& tensor) {
  return {tensor.data(), static_cast<std::size_t>(tensor.size())};
}

}  // namespace

DataParallel::DataParallel(ProcessGroup& group, const Mlp& model, GradientSum kind)
    : group_(&group), model_(&model), kind_(kind) {
  arriving_.reserve(model.parameters().size());
  for (const Parameter* parameter : model.parameters()) {
    runs_.push_back(element_runs(*parameter, group.size()));
  }
  for (const auto& layer : model.layers()) group.account(layer->options().name);
}

void DataParallel::start(LinearLayer& layer) {
  if (group_->size() == 1 || kind_ == GradientSum::exact) return;
  const AccountScope charge =
      group_->charge(group_->account(layer.options().name), Phase::gradients);
  for (Parameter* parameter : {&layer.weight(), &layer.bias()}) {
    if (parameter->value.size() == 0 || parameter->replicated) continue;
    if (kind_ == GradientSum::everywhere) {
      group_->start_all_reduce(elements(parameter->grad));
    } else {
      start_own_run(*parameter);
    }
  }
  group_->progress();
}

void DataParallel::start_own_run(Parameter& parameter) {
  const std::span<const Range> runs = runs_of(parameter);
  const Range own = runs[static_cast<std::size_t>(group_->rank())];
  arriving_.push_back({&parameter, own, Tensor(own.size(), 1, group_->memory())});
  group_->start_reduce_scatter(std::span<const Scalar>(elements(parameter.grad)),
                               elements(arriving_.back().sum), runs);
}

void DataParallel::finish() {
  if (group_->size() == 1) return;
  group_->finish();
  for (const auto& layer : model_->layers()) {
    const AccountScope charge =
        group_->charge(group_->account(layer->options().name), Phase::gradients);
    for (Parameter* parameter : {&layer->weight(), &layer->bias()}) {
      if (parameter->value.size() == 0) continue;
      if (kind_ == GradientSum::exact || parameter->replicated) sum_along_tree(*parameter);
    }
  }
  for (Arriving& arrived : arriving_) {
    Tensor& grad = arrived.parameter->grad;
    copy(arrived.sum, {grad.data() + arrived.run.begin, arrived.run.size(), 1});
  }
  arriving_.clear();
}

// What tensor-parallel ranks hold in common must stay the same on all of them, and each of them
// sums it over a group of its own: an order that a library chooses might not be the same in all.
void DataParallel::sum_along_tree(Parameter& parameter) {
  if (kind_ != GradientSum::own_run) {
    group_->all_reduce(elements(parameter.grad), Reduction::sum, SumOrder::tree);
    return;
  }
  const std::span<const Range> runs = runs_of(parameter);
  const Range own = runs[static_cast<std::size_t>(group_->rank())];
  arriving_.push_back({&parameter, own, Tensor(own.size(), 1, group_->memory())});
  group_->reduce_scatter(std::span<const Scalar>(elements(parameter.grad)),
                         elements(arriving_.back().sum), runs, 1, SumOrder::tree);
}

void DataParallel::gather() {
  if (kind_ != GradientSum::own_run) return;
  for (Parameter* parameter : model_->parameters()) {
    group_->all_gather(elements(parameter->grad), runs_of(*parameter));
  }
}

std::span<const Range> DataParallel::runs_of(const Parameter& parameter) const {
  const auto parameters = model_->parameters();
  const auto found = std::find(parameters.begin(), parameters.end(), &parameter);
  return runs_[static_cast<std::size_t>(found - parameters.begin())];
}

ConstMatrixView DataParallel::own_sum(const Parameter& parameter) const {
  const Tensor& grad = parameter.grad;
  if (kind_ != GradientSum::own_run) return grad;
  const Range own = runs_of(parameter)[static_cast<std::size_t>(group_->rank())];
  return {grad.data() + own.begin, own.size(), 1};
}

}  // namespace colonnade::inline COLONNADE_PRECISION
