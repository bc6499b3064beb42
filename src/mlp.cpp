#include "colonnade/mlp.hpp"

#include <algorithm>
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

namespace {

/// The most columns that a message of a step has.
Index widest_message(const MlpOptions& options) {
  const bool pair = options.layout == Layout::pair;
  Index widest = 0;
  for (std::size_t i = 1; i < options.widths.size(); ++i) {
    const bool is_last = i + 1 == options.widths.size();
    const bool hidden_in_pair = pair && i % 2 == 1 && !is_last;
    const bool kept_in_shards = is_last && options.shard_output && (!pair || i % 2 == 1);
    if (!hidden_in_pair && !kept_in_shards) widest = std::max(widest, options.widths[i]);
  }
  return widest;
}

}  // namespace

Index worthwhile_row_parts(const ProcessGroup& group, const MlpOptions& options, Index rows) {
  if (!group.overlaps() || options.shards > 0 || options.widths.size() < 2) return 1;
  if (!host_reaches_device_memory()) return 1;  // what is long for GPUs was not measured
  // A shorter message takes about as long as one without content: two would take twice as long. The
  // more parts, the less time has nothing beside it; but each has its weights packed anew, which
  // only long parts make up for.
  constexpr Index least_of_two = 64 * 1024, least_of_four = 512 * 1024;  // bytes of a part
  const Index bytes =
      rows * widest_message(options) * static_cast<Index>(sizeof(Scalar)) / group.size();
  if (bytes >= 4 * least_of_four) return 4;
  return bytes >= 2 * least_of_two ? 2 : 1;
}

Mlp::Mlp(ProcessGroup& group, const MlpOptions& options) : group_(&group), options_(options) {
  const std::vector<Index>& widths = options.widths;
  if (widths.size() < 2) {
    throw Error("too few widths for a network", {.wanted = "an input and an output at least",
                                                 .found = std::to_string(widths.size())});
  }
  if (options.row_parts < 1 || (options.row_parts > 1 && options.shards > 0)) {
    throw Error("wrong number of row parts",
                {.wanted = options.shards > 0 ? "1 in exact mode" : "at least 1",
                 .found = std::to_string(options.row_parts)});
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

Index Mlp::parts_of(Index rows) const {
  return std::clamp(options_.row_parts, Index{1}, std::max(rows, Index{1}));
}

Mlp::Output Mlp::forward(Tensor x, const ForwardContext& context) const {
  if (parts_of(x.rows()) > 1) return forward_in_parts(x, context);
  Cache cache{std::pmr::vector<LinearLayer::Cache>(host_memory())};
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
  if (cache.layers.size() > layers_.size()) return backward_in_parts(std::move(cache), dy, ready);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    dy = layers_[i]->backward(std::move(cache.layers[i]), std::move(dy));
    if (ready) ready(*layers_[i]);
  }
}

// Rows don't depend on one another, so that a layer computes one part while the message of another
// is under way. A part is finished where its numbers are needed, and not before:
//
//   compute    1a 1b 2a 2b 3a ...        1a: the first part in the first layer
//   messages      1a 1b 2a 2b ...
Mlp::Output Mlp::forward_in_parts(ConstMatrixView x, const ForwardContext& context) const {
  const Index count = parts_of(x.rows);
  const auto rows_of_part = [&](std::size_t part) {
    return shard_range(x.rows, count, static_cast<Index>(part));
  };
  const std::size_t parts = static_cast<std::size_t>(count);
  Cache cache{std::pmr::vector<LinearLayer::Cache>(host_memory())};
  cache.layers.reserve(parts * layers_.size());
  std::pmr::vector<LinearLayer::Forward> begun(parts, host_memory());
  const auto finish = [&](const LinearLayer& layer, std::size_t part) {
    auto [y, layer_cache] = layer.finish_forward(std::move(begun[part]));
    cache.layers.push_back(std::move(layer_cache));
    return std::move(y);
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for (std::size_t part = 0; part < parts; ++part) {
      const Range rows = rows_of_part(part);
      ForwardContext own = context;
      own.first_row += rows.begin;
      Tensor part_x = i == 0 ? rows_of(x, rows, memory()) : finish(*layers_[i - 1], part);
      begun[part] = layers_[i]->begin_forward(std::move(part_x), own, true);
    }
  }
  Tensor y;
  for (std::size_t part = 0; part < parts; ++part) {
    const Tensor part_y = finish(*layers_.back(), part);
    if (part == 0) y = Tensor(x.rows, part_y.cols(), memory());
    set_rows(part_y, rows_of_part(part).begin, y);
  }
  return {std::move(y), std::move(cache)};
}

// The sums of dx travel while the weight's gradients are computed, and the next part's dx.
void Mlp::backward_in_parts(Cache cache, ConstMatrixView dy, const LayerReady& ready) {
  const std::size_t parts = cache.layers.size() / layers_.size();
  std::pmr::vector<LinearLayer::Backward> begun(parts, host_memory());
  for (std::size_t i = layers_.size(); i-- > 0;) {
    LinearLayer& layer = *layers_[i];
    for (std::size_t part = 0; part < parts; ++part) {
      const Range rows = shard_range(dy.rows, static_cast<Index>(parts), static_cast<Index>(part));
      Tensor part_dy = i + 1 == layers_.size()
                           ? rows_of(dy, rows, memory())
                           : layers_[i + 1]->finish_backward(std::move(begun[part]));
      begun[part] =
          layer.begin_backward(std::move(cache.layers[i * parts + part]), std::move(part_dy), true);
    }
    for (LinearLayer::Backward& part : begun) layer.add_weight_gradient(part);
    if (ready) ready(layer);
  }
}

void Mlp::carry_on(ProcessGroup* beside) {
  for (const auto& layer : layers_) layer->carry_on(beside);
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
