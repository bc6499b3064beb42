#include "colonnade/mlp.hpp"

#include <string>
#include <utility>

namespace colonnade::inline COLONNADE_PRECISION {

Mlp::Mlp(ProcessGroup& group, const MlpOptions& options) : group_(&group) {
  const std::vector<Index>& widths = options.widths;
  if (widths.size() < 2) {
    throw Error("too few widths for a network", {.wanted = "an input and an output at least",
                                                 .found = std::to_string(widths.size())});
  }
  layers_.reserve(widths.size() - 1);
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const bool is_last = i + 2 == widths.size();
    layers_.emplace_back(group,
                         ColumnParallelLinear::Options{
                             .name = "layers." + std::to_string(i),
                             .in = widths[i],
                             .out = widths[i + 1],
                             .activation = is_last && !options.activate_last ? Activation::identity
                                                                             : options.activation,
                             .bias = options.bias,
                             .input_gradient = i > 0,
                             .seed = options.seed,
                         });
  }
  for (ColumnParallelLinear& layer : layers_) {
    parameters_.push_back(&layer.weight());
    if (layer.has_bias()) parameters_.push_back(&layer.bias());
  }
}

Mlp::Output Mlp::forward(Tensor x) const {
  Cache cache{std::pmr::vector<ColumnParallelLinear::Cache>(group_->memory())};
  cache.layers.reserve(layers_.size());
  for (const ColumnParallelLinear& layer : layers_) {
    auto [y, layer_cache] = layer.forward(std::move(x));
    cache.layers.push_back(std::move(layer_cache));
    x = std::move(y);
  }
  return {std::move(x), std::move(cache)};
}

void Mlp::backward(Cache cache, Tensor dy_local) {
  for (std::size_t i = layers_.size(); i-- > 0;) {
    dy_local = layers_[i].backward(std::move(cache.layers[i]), std::move(dy_local));
  }
}

void Mlp::zero_grad() {
  for (Parameter* parameter : parameters_) parameter->grad.set_zero();
}

Range Mlp::output_columns() const {
  return layers_.back().output_cut().range(group_->rank());
}

Index Mlp::parameter_count() const {
  Index count = 0;
  for (const Parameter* parameter : parameters_) count += parameter->global_size();
  return count;
}

double Mlp::step_flops(Index rows) const {
  double flops = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const double product = 2.0 * static_cast<double>(layers_[i].weight().global_size());
    flops += product * (i > 0 ? 3 : 2);
  }
  return flops * static_cast<double>(rows);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
