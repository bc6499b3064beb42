#include "colonnade/nonfinite.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();

/// What is looked at, numbered in its order, and an element of it by its global index.
struct Place {
  std::int64_t what = nowhere;
  std::int64_t index = nowhere;
};

/// Keeps the first place of all that this rank has looked at, and finds that of all ranks.
class Search {
 public:
  template <class GlobalIndex>
  void look(std::int64_t what, ConstMatrixView matrix, GlobalIndex&& global_index) {
    const OnHost numbers(matrix);
    for (Index j = 0; j < matrix.cols; ++j) {
      for (Index i = 0; i < matrix.rows; ++i) {
        if (std::isfinite(numbers(i, j))) continue;
        const std::int64_t index = global_index(i, j);
        if (std::pair(what, index) < std::pair(found_.what, found_.index)) found_ = {what, index};
      }
    }
  }

  Place of_all(ProcessGroup& world) const {
    Place first;
    first.what = world.all_reduce(found_.what, Reduction::min);
    first.index =
        world.all_reduce(found_.what == first.what ? found_.index : nowhere, Reduction::min);
    return first;
  }

 private:
  Place found_;
};

/// The numbers of what is looked at.
struct Order {
  explicit Order(const Mlp& model)
      : parameters(std::ssize(model.parameters())), layers(std::ssize(model.layers())) {}
  std::int64_t parameters, layers;
  std::int64_t inputs() const { return 0; }
  std::int64_t targets() const { return 1; }
  std::int64_t parameter(std::int64_t i) const { return 2 + i; }
  std::int64_t output(std::int64_t i) const { return parameter(parameters) + i; }
  std::int64_t gradient(std::int64_t i) const { return output(layers) + i; }
};

/// One micro-batch, through the layers.
void look_at_rows(const Mlp& model, const BatchOfRank& batch, Range part, Search& search) {
  const Order order(model);
  const Index rows = part.size();
  Tensor x(rows, batch.data.inputs(), model.memory()), t(rows, batch.data.targets());
  batch.data.fetch_batch(
      batch.samples.subspan(static_cast<std::size_t>(part.begin), static_cast<std::size_t>(rows)),
      x, t);
  const auto look = [&](std::int64_t what, const Tensor& matrix, Index width, Index first_col) {
    search.look(what, matrix,
                [&](Index row, Index col) { return (part.begin + row) * width + first_col + col; });
  };
  look(order.inputs(), x, x.cols(), 0);
  look(order.targets(), t, t.cols(), 0);
  const ForwardContext context{.training = true,
                               .step = static_cast<std::uint64_t>(batch.steps_done),
                               .first_row = part.begin};
  for (std::int64_t i = 0; i < order.layers; ++i) {
    const LinearLayer& layer = *model.layers()[static_cast<std::size_t>(i)];
    x = layer.forward(std::move(x), context).y;
    const Index width = layer.options().out;
    const bool own_columns = x.cols() < width;
    const bool is_last = i + 1 == order.layers;
    look(order.output(i), x, width,
         is_last       ? model.output().y.begin
         : own_columns ? layer.weight().owned_cols.begin
                       : 0);
  }
}

void look_at_parameters(const Mlp& model, Search& search) {
  for (std::int64_t i = 0; i < std::ssize(model.parameters()); ++i) {
    const Parameter& parameter = *model.parameters()[static_cast<std::size_t>(i)];
    search.look(Order(model).parameter(i), parameter.value,
                [&](Index row, Index col) { return parameter.global_index(row, col); });
  }
}

/// After own_run only the own elements are sums.
void look_at_gradients(TrainingJob& job, const std::string& quantity, Search& search) {
  const Mlp& model = job.model();
  for (std::int64_t i = 0; i < std::ssize(model.parameters()); ++i) {
    const Parameter& parameter = *model.parameters()[static_cast<std::size_t>(i)];
    if (quantity != "gradient of " + parameter.name || parameter.grad.empty()) continue;
    const Tensor& grad = parameter.grad;
    const ConstMatrixView own =
        job.data_parallel() == nullptr ? grad : job.data_parallel()->own_sum(parameter);
    search.look(Order(model).gradient(i), own, [&](Index row, Index col) {
      const Index element = own.data - grad.data() + col * own.rows + row;
      return parameter.global_index(element % grad.rows(), element / grad.rows());
    });
  }
}

/// `layers.0.weight[5, 3]`
std::string element_of(const Parameter& parameter, std::int64_t index) {
  const std::string output = std::to_string(index / parameter.rows);
  if (parameter.is_bias) return parameter.name + "[" + output + "]";
  return parameter.name + "[" + output + ", " + std::to_string(index % parameter.rows) + "]";
}

std::string describe(const Place& place, const Mlp& model, const BatchOfRank& batch) {
  const Order order(model);
  const auto of_sample = [&](const std::string& what, Index width, const std::string& sample) {
    return what + " " + std::to_string(place.index % width) + sample +
           std::to_string(batch.samples[static_cast<std::size_t>(place.index / width)]);
  };
  const auto parameter_of = [&](std::int64_t first) -> const Parameter& {
    return *model.parameters()[static_cast<std::size_t>(place.what - first)];
  };
  if (place.what == order.inputs()) return of_sample("input", batch.data.inputs(), " of sample ");
  if (place.what == order.targets()) {
    return of_sample("target", batch.data.targets(), " of sample ");
  }
  if (place.what < order.output(0)) {
    return "parameter " + element_of(parameter_of(order.parameter(0)), place.index) +
           " (inputs and targets are finite)";
  }
  if (place.what < order.gradient(0)) {
    const LinearLayer& layer =
        *model.layers()[static_cast<std::size_t>(place.what - order.output(0))];
    return of_sample("output", layer.options().out,
                     " of " + layer.options().name + " for sample ") +
           " (inputs, targets and parameters are finite)";
  }
  return "gradient of " + element_of(parameter_of(order.gradient(0)), place.index) +
         " (all outputs are finite)";
}

std::string hint_for(const Place& place, const Mlp& model) {
  const Order order(model);
  if (place.what < order.parameter(0)) {
    return "mend the data, or leave such batches out with --on-nonfinite skip";
  }
  if (place.what < order.output(0)) return "start again from parameters that are finite";
  return "try a smaller --lr, a --warmup or a --clip, or --on-nonfinite skip";
}

}  // namespace

NonFinite explain(const NonFinite& error, TrainingJob& job, const BatchOfRank& batch) {
  const Mlp& model = job.model();
  Search search;
  look_at_parameters(model, search);
  for (const Range part : batch.parts) {
    if (part.size() > 0) look_at_rows(model, batch, part, search);
  }
  look_at_gradients(job, error.quantity(), search);
  const Place first = search.of_all(job.mesh().world());
  const std::string where = first.what == nowhere
                                ? "all numbers that go into it are finite"
                                : "the first such number is " + describe(first, model, batch);
  return {error.quantity(), "step " + std::to_string(batch.steps_done + 1) + ": " + error.what() +
                                "; " + where + "; " + hint_for(first, model)};
}

}  // namespace colonnade::inline COLONNADE_PRECISION
