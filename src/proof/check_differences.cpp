// Each element is changed on all ranks that hold it, and all ranks of the mesh evaluate the loss.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "colonnade/gradient_check.hpp"
#include "colonnade/random.hpp"
#include "proof/checks.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// The first and the last element of a shard, and others chosen by (seed, name, part).
std::set<Index> picks(const CheckedJob& checked, const std::string& name, int part, Index size) {
  if (checked.samples >= size) {
    std::set<Index> all;
    for (Index i = 0; i < size; ++i) all.insert(all.end(), i);
    return all;
  }
  std::set<Index> chosen = {0};
  if (checked.samples > 1) chosen.insert(size - 1);
  const KeyedRandom random =
      KeyedRandom(checked.trainer.seed, "check." + name).at(static_cast<std::uint64_t>(part));
  for (std::uint64_t draw = 0; static_cast<Index>(chosen.size()) < checked.samples; ++draw) {
    chosen.insert(static_cast<Index>(random.bits(draw) % static_cast<std::uint64_t>(size)));
  }
  return chosen;
}

/// The steps to try, as factors of the usual one. A smooth network needs one. ReLU's derivative
/// jumps at 0: a step that takes some pre-activation across it measures neither side, and smaller
/// steps seldom do; a wrong gradient is wrong at each of them.
std::vector<double> step_scales(Activation activation) {
  if (activation == Activation::relu) return {1, 1.0 / 32, 1.0 / 1024};
  return {1};
}

/// Compares gradients with differences, relative to the largest gradient of a tensor. A loss L is
/// made of numbers of the size of 1 or of L, whichever is larger; that their sum is off by
/// rounding, taken as 16 eps of them, makes the difference uncertain by as much over the step. What
/// is smaller than that over the tolerance cannot be held to it, and is judged as if it were as
/// large.
class Differences {
 public:
  Differences(SampleJob& job, const CheckedJob& checked)
      : job_(&job), scales_(step_scales(checked.job.model.activation)), loss_(job.loss()) {}

  /// The error of element `index` of the own block, where this rank is one of its owners.
  double error(Parameter& parameter, Index index, bool owner, double largest) const {
    double best = std::numeric_limits<double>::infinity();
    bool undefined = false;  // no early return: the other ranks evaluate all losses
    for (const double scale : scales_) {
      Scalar* element = owner ? parameter.value.data() + index : nullptr;
      const double step = difference_step(owner ? read_number(element) : 0, scale);
      const double want = central_difference(
          element, owner, [&] { return job_->loss(); }, scale);
      if (!owner) continue;
      const double resolved = 16 * eps * std::max(1.0, std::abs(loss_)) / step / gradient_tolerance;
      const double difference = std::abs(read_number(parameter.grad.data() + index) - want);
      const double error = difference == 0 ? 0 : difference / std::max(largest, resolved);
      undefined = undefined || std::isnan(error);
      best = std::min(best, error);
    }
    return undefined ? std::numeric_limits<double>::quiet_NaN() : best;
  }

 private:
  static constexpr double eps = std::numeric_limits<double>::epsilon();

  SampleJob* job_;
  std::vector<double> scales_;
  double loss_;
};

}  // namespace

CheckLine check_differences(SampleJob& job, const CheckedJob& checked) {
  const Differences differences(job, checked);
  ProcessGroup& tp = job.mesh().tp();
  CheckTally tally;
  for (Parameter* parameter : job.model().parameters()) {
    const double largest = largest_of_all(tp, parameter->grad);
    const std::vector<std::int64_t> sizes = tp.all_gather(std::int64_t{parameter->value.size()});
    const int parts = parameter->replicated ? 1 : tp.size();
    for (int part = 0; part < parts; ++part) {
      const bool owner = parameter->replicated || tp.rank() == part;
      for (const Index index :
           picks(checked, parameter->name, part, sizes[static_cast<std::size_t>(part)])) {
        const double error = differences.error(*parameter, index, owner, largest);
        if (!owner) continue;
        if (job.mesh().dp().rank() == 0 && tp.rank() == part) tally.count(1);
        const Index rows = parameter->value.rows();
        tally.add(error, [&] { return place_of(*parameter, index % rows, index / rows); });
      }
    }
  }
  return tally.line(job.mesh().world(), "gradients against central differences",
                    gradient_tolerance);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
