#include "colonnade/linear_layer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "colonnade/ops.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

Parameter with_shape(Parameter part, std::string name, Index rows, Index cols) {
  part.name = std::move(name);
  part.rows = rows;
  part.cols = cols;
  return make_parameter(std::move(part));
}

}  // namespace

LinearLayer::LinearLayer(ProcessGroup& group, const Options& options, Parameter weight,
                         Parameter bias)
    : group_(&group),
      account_(group.account(options.name)),
      options_(options),
      weight_(with_shape(std::move(weight), options.name + ".weight", options.in, options.out)),
      bias_(with_shape(std::move(bias), options.name + ".bias", 1, options.bias ? options.out : 0)),
      dropout_(options.seed, options.name + ".dropout") {
  // The global fan-in: with the local width in its place every rank count would be another model.
  fill_normal(weight_, options.seed, 1 / std::sqrt(static_cast<double>(options.in)));
}

// Messages get on only while the rank looks after them, and a product can take longer than a
// message does. Calls work(range) for ranges of the result's columns. A tile is about two
// milliseconds on a core, for BLAS packs one of the factors again for each; meanwhile a network
// that buffers, as TCP does, goes on by itself. Where products are only asked for, of a GPU, the
// rank is free to look after messages anyway.
template <class Work>
void LinearLayer::in_tiles(Index columns, Index multiply_adds, const Work& work) const {
  const auto gets_on = [](const ProcessGroup* group) {
    return group != nullptr && host_reaches_device_memory() && group->overlaps() &&
           group->is_under_way();
  };
  const bool beside = gets_on(beside_);
  if (!gets_on(group_) && !beside) return work(Range{0, columns});
  constexpr Index multiply_adds_of_tile = Index{128} << 20;
  constexpr Index least_columns = 128;
  const Index tiles = std::clamp(multiply_adds / multiply_adds_of_tile, Index{1},
                                 std::max(Index{1}, columns / least_columns));
  for (Index tile = 0; tile < tiles; ++tile) {
    work(shard_range(columns, tiles, tile));
    group_->progress();
    if (beside) beside_->progress();
  }
}

void LinearLayer::forward_product(ConstMatrixView x, MatrixView z) const {
  const Span span = group_->span(Activity::product);
  const ConstMatrixView w = weight_.value;
  if (options_.shards > 0) {
    linear_forward(x, w, z, weight_.weight_shards());
  } else {
    in_tiles(z.cols, x.size() * z.cols,
             [&](Range tile) { linear_forward(x, w.columns(tile), z.columns(tile)); });
  }
  tell_product(x, z);
}

bool LinearLayer::fuses(const ForwardContext& context) const {
  const bool drops = options_.dropout > 0 && context.training;
  return fuses_activation() && options_.shards == 0 && !derivative_is_one() && !drops &&
         group_->observer() == nullptr;
}

void LinearLayer::forward_activated(ConstMatrixView x, MatrixView z, MatrixView y) const {
  const Span span = group_->span(Activity::product);
  const ConstMatrixView w = weight_.value, bias = bias_.value;
  in_tiles(z.cols, x.size() * z.cols, [&](Range tile) {
    linear_activation_forward(options_.activation, x, w.columns(tile),
                              has_bias() ? bias.columns(tile) : bias, z.columns(tile),
                              y.columns(tile));
  });
}

void LinearLayer::backward_input(ConstMatrixView dz, MatrixView dx) const {
  const Span span = group_->span(Activity::input_gradient);  // ranks may have met for its memory
  const ConstMatrixView w = weight_.value;
  if (options_.shards > 0) {
    linear_backward_input(dz, w, dx, weight_.weight_shards());
  } else {
    in_tiles(dx.cols, dz.size() * dx.cols,
             [&](Range tile) { linear_backward_input_part(dz, w, tile.begin, dx.columns(tile)); });
  }
  tell_input_gradient(dz, dx);
}

void LinearLayer::backward_weight(ConstMatrixView x, ConstMatrixView dz) {
  const Span span = group_->next_span(Activity::weight_gradient);
  if (options_.shards > 0) {
    linear_backward_weight(x, dz, weight_.grad, weight_.weight_shards());
  } else {
    in_tiles(dz.cols, x.size() * dz.cols, [&](Range tile) {
      linear_backward_weight(x, dz.columns(tile), weight_.grad.columns(tile));
    });
  }
  tell_weight_gradient(x, dz);
}

void LinearLayer::add_weight_gradient(Backward& begun) {
  const AccountScope charge = group_->charge(account_, Phase::backward);
  backward_weight(begun.x, begun.dz);
  begun.x = Tensor();
  begun.dz = Tensor();
}

Tensor LinearLayer::finish_backward(Backward begun) const {
  if (begun.under_way) group_->finish_first();
  return std::move(begun.dx);
}

// For ops that write over what they have read.
Tensor LinearLayer::copy_if_observed(ConstMatrixView matrix) const {
  return group_->observer() != nullptr ? Tensor::copy_of(matrix) : Tensor();
}

void LinearLayer::add_bias(Index first_col, MatrixView z) const {
  const Span span = group_->next_span(Activity::activation);
  const Tensor sum = copy_if_observed(z);
  bias_forward(bias_.value, z);
  tell_activation(sum, z, {}, first_col);
}

void LinearLayer::activate(const ForwardContext& context, Index first_col, MatrixView z,
                           MatrixView y) const {
  const Span span = group_->next_span(Activity::activation);
  const Tensor sum = copy_if_observed(z);
  activation_forward(options_.activation, bias_.value, z, y);
  if (options_.dropout > 0 && context.training) {
    const std::uint64_t* const step = context.step_on_device;
    dropout_forward({.random = step != nullptr ? dropout_ : dropout_.at(context.step),
                     .rate = options_.dropout,
                     .first_row = context.first_row,
                     .first_col = first_col,
                     .step = step},
                    y, z);
  }
  tell_activation(sum, y, z, first_col);
}

Tensor LinearLayer::backward_activation(Tensor derivative, bool fused, Tensor dy, Index first_col) {
  const Span span = group_->span(Activity::activation);
  const bool is_one = derivative_is_one();
  const Tensor factors = copy_if_observed(derivative);
  if (is_one) {
    bias_backward(dy, bias_.grad);
  } else if (fused) {
    linear_activation_backward(options_.activation, bias_.value, dy, derivative, bias_.grad);
  } else {
    activation_backward(dy, derivative, bias_.grad);
  }
  tell_activation_gradient(dy, factors, is_one ? dy : derivative, first_col);
  return is_one ? std::move(dy) : std::move(derivative);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
