// What training makes small. A loss is computed on the output's columns that a rank has, and is the
// same number on every rank; its sums over rows add up over micro-batches and data-parallel ranks.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "colonnade/device_array.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade {

enum class LossKind { mean_square, cross_entropy };
std::string_view to_string(LossKind kind);
LossKind loss_from(std::string_view name);

struct LossOptions {
  LossKind kind = LossKind::mean_square;
  double label_smoothing = 0;  // of cross-entropy
};

inline namespace COLONNADE_PRECISION {

class Loss {
 public:
  /// What backward needs of forward.
  struct Cache {
    Tensor y;           // mean square: y; cross-entropy: exp(y - largest)
    Numbers sums = {};  // cross-entropy: three a row, of which backward needs the first
  };
  struct Output {
    double sum;  // over the rows at hand; mean(sum, rows) is the loss
    Cache cache;
  };

  virtual ~Loss() = default;

  /// y [n, columns.y], t [n, columns.total]. Leaves the loss, summed over the rows at hand, in the
  /// first of `sum`, in device memory. Collective.
  virtual Cache forward_on_device(Tensor y, ConstMatrixView t, std::span<double> sum) const = 0;
  /// The same, and waits for the sum.
  Output forward(Tensor y, ConstMatrixView t) const;
  /// dy [n, columns.dy], complete, of the mean over `rows` rows: those of the whole batch, of which
  /// the n at hand may be a part. All ranks call it alike, for dy may be in visible memory.
  virtual Tensor backward(Cache cache, ConstMatrixView t, Index rows) const = 0;
  /// The loss of `rows` rows is the sum of their sums over this.
  virtual double divisor(Index rows) const = 0;
  double mean(double sum, Index rows) const { return sum / divisor(rows); }
};

/// L = (1 / (n m)) sum (Y - T)^2,  dL/dY = 2 (Y - T) / (n m),  with the global m. Y is the same on
/// all ranks, so that no message is needed.
class MeanSquare final : public Loss {
 public:
  MeanSquare(ProcessGroup& group, OutputColumns columns);
  Cache forward_on_device(Tensor y, ConstMatrixView t, std::span<double> sum) const override;
  Tensor backward(Cache cache, ConstMatrixView t, Index rows) const override;
  double divisor(Index rows) const override;

 private:
  ProcessGroup* group_;
  OutputColumns columns_;
};

/// Softmax cross-entropy over classes that stay cut among ranks; t holds the probability of each
/// class (one-hot for a label), and q = (1 - e) t + e / V with the global V smooths it by e.
///
///   L = -(1 / n) sum q log softmax(Y)      dL/dY = (softmax(Y) - q) / n, own columns
///
/// Four numbers a row travel, in two all-reduces: the largest logit, then the sum of exponentials,
/// the logit at the target and the sum of logits.
class CrossEntropy final : public Loss {
 public:
  /// `columns` must be those of a model with a sharded output.
  CrossEntropy(ProcessGroup& group, OutputColumns columns, double label_smoothing, bool exact);
  Cache forward_on_device(Tensor y, ConstMatrixView t, std::span<double> sum) const override;
  Tensor backward(Cache cache, ConstMatrixView t, Index rows) const override;
  double divisor(Index rows) const override;

 private:
  ProcessGroup* group_;
  int account_;
  OutputColumns columns_;
  double label_smoothing_;
  SumOrder order_;
};

/// The loss for a model's output, which must be sharded for cross-entropy and whole for mean
/// square.
std::unique_ptr<Loss> make_loss(const LossOptions& options, const Mlp& model);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
