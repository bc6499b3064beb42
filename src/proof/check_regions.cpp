// <F x, g> = <x, F' g> for each region, on the job's own group and at its layers' own sizes. Both
// sides are summed over ranks; of a tensor that all ranks hold alike, <., .> counts one copy.
//
// Bound. The products are added in long double, so that what is left is the rounding of the
// collectives' sums: each element errs by at most (P - 1) eps times the magnitudes that it adds,
// and both sides by another P eps when ranks add theirs. The error is relative to the sum of the
// magnitudes of all products: 4 P eps bounds it.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "colonnade/column_parallel_linear.hpp"
#include "colonnade/regions.hpp"
#include "colonnade/row_parallel_linear.hpp"
#include "colonnade/sample_data.hpp"
#include "proof/checks.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Sums of products, and of their magnitudes.
struct Product {
  double value = 0;
  double magnitude = 0;
};

Product dot(ConstMatrixView a, ConstMatrixView b) {
  const OnHost left(a), right(b);
  long double value = 0, magnitude = 0;
  for (std::size_t i = 0; i < left.numbers().size(); ++i) {
    const long double product = static_cast<long double>(left.numbers()[i]) * right.numbers()[i];
    value += product;
    magnitude += std::abs(product);
  }
  return {static_cast<double>(value), static_cast<double>(magnitude)};
}

class RegionCheck {
 public:
  RegionCheck(ProcessGroup& tp, Index rows, std::uint64_t seed, SumOrder order)
      : tp_(&tp), rows_(rows), seed_(seed), order_(order) {}

  void check(const LinearLayer& layer, bool is_last) {
    name_ = layer.options().name;
    if (const auto* column = dynamic_cast<const ColumnParallelLinear*>(&layer)) {
      if (is_last && column->gathers_output()) gather_complete(column->output_cut());
      if (column->input_gradient() == InputGradient::own_columns) gather(column->input_cut());
      if (column->input_gradient() == InputGradient::complete) copy_to_ranks(layer.options().in);
    } else if (const auto* row = dynamic_cast<const RowParallelLinear*>(&layer)) {
      row->shards_output() ? reduce_scatter(row->output_cut()) : reduce(layer.options().out);
    }
  }

  Index identities() const { return identities_; }
  const CheckTally& tally() const { return tally_; }

 private:
  Range own(const Sharding& cut) const { return cut.range(tp_->rank()); }
  /// The same on every rank.
  Tensor replica(Index cols, const std::string& name) const {
    return sample_data(rows_, cols, seed_, "check." + name_ + name);
  }
  /// Another on every rank.
  Tensor of_rank(Index cols, const std::string& name) const {
    return replica(cols, name + std::to_string(tp_->rank()));
  }
  Product over_ranks(Product own) {
    return {tp_->all_reduce(own.value), tp_->all_reduce(own.magnitude)};
  }

  void hold(const char* region, Product left, Product right) {
    const double scale = std::max(left.magnitude, right.magnitude);
    const double difference = std::abs(left.value - right.value);
    ++identities_;
    tally_.add(difference == 0 ? 0 : difference / scale,
               [&] { return std::string(region) + " of " + name_; });
  }

  // The input of a pair: the same x on all ranks, and a partial dx on each.
  void copy_to_ranks(Index width) {
    const Tensor x = replica(width, ".x"), dy = of_rank(width, ".dy");
    Tensor y = x.clone(), dx = dy.clone();
    CopyToRanks::forward(*tp_, y);
    CopyToRanks::backward(*tp_, dx, order_);
    hold("CopyToRanks", over_ranks(dot(y, dy)), dot(x, dx));
  }

  // The output of a pair: partial sums, and the same dy on all ranks.
  void reduce(Index width) {
    const Tensor x = of_rank(width, ".x"), dy = replica(width, ".dy");
    Tensor y = x.clone(), dx = dy.clone();
    ReduceFromRanks::forward(*tp_, y, order_);
    ReduceFromRanks::backward(*tp_, dx);
    hold("ReduceFromRanks", dot(y, dy), over_ranks(dot(x, dx)));
  }

  /// All columns, gathered from their owners.
  Tensor gathered(const Sharding& cut, const Tensor& x) {
    Tensor y = Tensor::zeros(rows_, cut.total());
    copy(x, y.columns(own(cut)));
    GatherColumns::forward(*tp_, cut, y);
    return y;
  }

  // Between two layers that gather: own columns, and a partial dy on each rank.
  void gather(const Sharding& cut) {
    const Tensor x = of_rank(own(cut).size(), ".x"), dy = of_rank(cut.total(), ".dy");
    const Tensor y = gathered(cut, x);
    const Tensor dx = GatherColumns::backward(*tp_, cut, dy, order_);
    hold("GatherColumns", over_ranks(dot(y, dy)), over_ranks(dot(x, dx)));
  }

  // The network's output: dy is complete on every rank, and backward its own columns.
  void gather_complete(const Sharding& cut) {
    const Tensor x = of_rank(own(cut).size(), ".last.x"), dy = replica(cut.total(), ".last.dy");
    const Tensor y = gathered(cut, x);
    hold("GatherColumns, complete dy", dot(y, dy), over_ranks(dot(x, dy.columns(own(cut)))));
  }

  // A sharded output of a pair: partial sums, and own columns of dy.
  void reduce_scatter(const Sharding& cut) {
    const Tensor x = of_rank(cut.total(), ".x"), dy = of_rank(own(cut).size(), ".dy");
    const Tensor y = ReduceScatterColumns::forward(*tp_, cut, x, order_);
    const Tensor dx = ReduceScatterColumns::backward(*tp_, cut, dy);
    hold("ReduceScatterColumns", over_ranks(dot(y, dy)), over_ranks(dot(x, dx)));
  }

  ProcessGroup* tp_;
  Index rows_;
  std::uint64_t seed_;
  SumOrder order_;
  std::string name_;
  Index identities_ = 0;
  CheckTally tally_;
};

}  // namespace

CheckLine check_regions(SampleJob& job, const CheckedJob& checked) {
  ProcessGroup& tp = job.mesh().tp();
  Index rows = 1;
  for (const Range part : job.micro_batches()) rows = std::max(rows, part.size());
  const bool exact = checked.job.model.shards > 0;
  RegionCheck regions(tp, rows, checked.trainer.seed, exact ? SumOrder::tree : SumOrder::any);
  const auto layers = job.model().layers();
  for (const auto& layer : layers) regions.check(*layer, layer == layers.back());
  CheckTally tally = regions.tally();
  if (job.mesh().world().rank() == 0) tally.count(regions.identities());
  return tally.line(job.mesh().world(), "adjoint identities of regions",
                    4 * tp.size() * std::numeric_limits<double>::epsilon());
}

}  // namespace colonnade::inline COLONNADE_PRECISION
