#include "colonnade/mlp.hpp"

#include <string>
#include <utility>

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/row_parallel_linear.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

Range own_columns(const ProcessGroup& group, const Sharding& cut) {
  return cut.range(group.rank());
}

/// The logical shards of the own columns; none in fast mode.
std::vector<Range> own_shards(const ProcessGroup& group, const Sharding& cut, Index shards) {
  return shards > 0 ? cut.shards_of(group.rank()) : std::vector<Range>{};
}

}  // namespace

Mlp::Mlp(ProcessGroup& group, const MlpOptions& options) : group_(&group), options_(options) {
  const std::vector<Index>& widths = options.widths;
  if (widths.size() < 2) {
    throw Error("too few widths for a network", {.wanted = "an input and an output at least",
                                                 .found = std::to_string(widths.size())});
  }
  output_.total = widths.back();
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const bool is_last = i + 2 == widths.size();
    const LinearLayer::Options layer = {
        .name = "layers." + std::to_string(i),
        .in = widths[i],
        .out = widths[i + 1],
        .activation = is_last && !options.activate_last ? Activation::identity : options.activation,
        .bias = options.bias,
        .seed = options.seed,
        .dropout = is_last ? 0 : options.dropout,
        .shards = options.shards,
        .recompute = options.recompute,
    };
    if (options.layout == Layout::pair && i % 2 == 1) {
      add_row_layer(layer, is_last);
    } else {
      add_column_layer(layer, i == 0, is_last);
    }
  }
  for (const auto& layer : layers_) {
    parameters_.push_back(&layer->weight());
    if (layer->has_bias()) parameters_.push_back(&layer->bias());
  }
}

void Mlp::add_column_layer(const LinearLayer::Options& layer, bool is_first, bool is_last) {
  const bool in_pair = options_.layout == Layout::pair;
  const bool gather = is_last ? !options_.shard_output : !in_pair;
  const InputGradient gradient = is_first  ? InputGradient::none
                                 : in_pair ? InputGradient::complete
                                           : InputGradient::own_columns;
  auto column = std::make_unique<ColumnParallelLinear>(*group_, layer, gather, gradient);
  output_.dy = own_columns(*group_, column->output_cut());
  output_.y = gather ? Range{0, layer.out} : output_.dy;
  output_.shards = own_shards(*group_, column->output_cut(), layer.shards);
  layers_.push_back(std::move(column));
}

void Mlp::add_row_layer(const LinearLayer::Options& layer, bool is_last) {
  const bool shard = is_last && options_.shard_output;
  auto row = std::make_unique<RowParallelLinear>(*group_, layer, shard);
  output_.y = shard ? own_columns(*group_, row->output_cut()) : Range{0, layer.out};
  output_.dy = output_.y;
  if (shard) output_.shards = own_shards(*group_, row->output_cut(), layer.shards);
  layers_.push_back(std::move(row));
}

Mlp::Output Mlp::forward(Tensor x, const ForwardContext& context) const {
  Cache cache{std::pmr::vector<LinearLayer::Cache>(memory())};
  cache.layers.reserve(layers_.size());
  for (const auto& layer : layers_) {
    auto [y, layer_cache] = layer->forward(std::move(x), context);
    cache.layers.push_back(std::move(layer_cache));
    x = std::move(y);
  }
  return {std::move(x), std::move(cache)};
}

void Mlp::backward(Cache cache, Tensor dy, const LayerReady& ready) {
  for (Parameter* parameter : parameters_) parameter->grad_is_zero = false;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    dy = layers_[i]->backward(std::move(cache.layers[i]), std::move(dy));
    if (ready) ready(*layers_[i]);
  }
}

void Mlp::zero_grad() {
  const Span span = group_->span(Activity::zero_gradients);
  for (Parameter* parameter : parameters_) parameter->grad.set_zero();
}

Index Mlp::parameter_count() const {
  Index count = 0;
  for (const Parameter* parameter : parameters_) count += parameter->global_size();
  return count;
}

double Mlp::step_flops(Index rows) const {
  double flops = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const double product = 2.0 * static_cast<double>(layers_[i]->weight().global_size());
    flops += product * (i > 0 ? 3 : 2);
  }
  return flops * static_cast<double>(rows);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
