// As in docs/math.md, and at each line where someone went wrong, the wrong line beside the right
// one.
#include "zoo/model_copies.hpp"

#include <span>
#include <utility>

#include "colonnade/loss.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/sample_data.hpp"

namespace colonnade::zoo {

namespace {

constexpr Index inputs = 5, hidden = 9, outputs = 4;
constexpr Index rows = 13;  // of all copies together: a prime, so that some copy has more
constexpr std::uint64_t seed = 0;

MlpOptions options() {
  return {.widths = {inputs, hidden, outputs}, .seed = seed};
}

Range own_rows(const ProcessGroup& group) {
  return shard_range(rows, group.size(), group.rank());
}

}  // namespace

ModelCopies::ModelCopies(ProcessGroup& group, Mistake mistake)
    : Network(group, mistake),
      model_(self_, options()),
      x_(rows_of(sample_data(rows, inputs, seed, "data"), own_rows(group), system_memory())),
      t_(rows_of(sample_data(rows, outputs, seed, "target"), own_rows(group), system_memory())) {
  if (x_.rows() == 0) throw Error("the zoo's copies need a row each");
  for (Parameter* parameter : model_.parameters()) parameter->replicated = true;
}

// A copy's sums over its rows are divided by this, and then the copies' are added.
Index ModelCopies::divisor() const {
  if (has(Mistake::mean_of_means))
    return x_.rows() * group_->size();  // wrong: its own mean, and the mean of those of the copies
  return rows;                          // right: the rows of the whole batch
}

double ModelCopies::loss() {
  const MeanSquare loss(self_, model_.output());
  const double sum = loss.forward(model_.forward(x_.clone()).y, t_).sum;
  return group_->all_reduce(loss.mean(sum, divisor()));
}

void ModelCopies::compute_gradients() {
  model_.zero_grad();
  const MeanSquare loss(self_, model_.output());
  auto [y, cache] = model_.forward(x_.clone());
  auto [sum, loss_cache] = loss.forward(std::move(y), t_);
  model_.backward(std::move(cache), loss.backward(std::move(loss_cache), t_, divisor()));

  if (has(Mistake::unsummed_copies)) return;  // wrong: the gradient of this copy's rows
  for (Parameter* parameter : model_.parameters())
    ReduceFromRanks::forward(*group_, parameter->grad);  // right: of all rows
}

// --- For the checks -----------------------------------------------------------------------------

std::vector<Parameter*> ModelCopies::parameters() {
  return {model_.parameters().begin(), model_.parameters().end()};
}

Tensor ModelCopies::output() {
  Tensor all = Tensor::zeros(rows, outputs);
  set_rows(model_.forward(x_.clone()).y, own_rows(*group_).begin, all);
  ReduceFromRanks::forward(*group_, all);
  return all;
}

std::vector<Replica> ModelCopies::replicas() {
  std::vector<Replica> all;
  for (const Parameter* parameter : model_.parameters()) {
    all.push_back({parameter->name, parameter->value.clone()});
  }
  return all;
}

Job ModelCopies::job() const {
  return {
      .model = options(), .mesh = {.dp = group_->size(), .tp = 1}, .scalar_bytes = sizeof(Scalar)};
}

Index ModelCopies::batch() const {
  return rows;
}

}  // namespace colonnade::zoo
