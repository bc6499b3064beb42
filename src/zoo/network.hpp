// A small network, written out by hand on the library's ops and regions, in which one mistake can
// be planted; and what checks may ask of any of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "colonnade/ops.hpp"
#include "colonnade/parameter.hpp"
#include "colonnade/plan.hpp"
#include "colonnade/process_group.hpp"
#include "zoo/mistake.hpp"

static_assert(sizeof(colonnade::Scalar) == 8, "the zoo belongs to the double build");

namespace colonnade::zoo {

/// A tensor that every rank must hold with the same bits.
struct Replica {
  std::string name;
  Tensor value;
};

/// What passes between two layers: own columns [B, cut.range(rank)] to all columns [B,
/// cut.total()], and partial sums of the gradient back to own columns. Both are collective.
struct Passage {
  Sharding cut;
  std::function<Tensor(const Tensor& own)> forward;
  std::function<Tensor(const Tensor& partial)> backward;
};

/// All that is not const is collective.
class Network {
 public:
  Network(ProcessGroup& group, Mistake mistake) : group_(&group), mistake_(mistake) {}
  virtual ~Network() = default;

  ProcessGroup& group() const { return *group_; }

  virtual std::vector<Parameter*> parameters() = 0;
  /// The whole output [B, width], the same on every rank.
  virtual Tensor output() = 0;
  /// The loss of the whole batch.
  virtual double loss() = 0;
  /// Zeroes all gradients, then forward and backward.
  virtual void compute_gradients() = 0;
  /// The norm of all gradients together, where a step clips by it.
  virtual std::optional<double> gradient_norm() { return std::nullopt; }
  /// What the optimizer multiplies gradients by.
  virtual double update_scale() { return 1; }

  virtual std::vector<Replica> replicas() = 0;
  virtual std::optional<Passage> passage() { return std::nullopt; }

  /// The library's job that sends and multiplies what this network should.
  virtual Job job() const = 0;
  virtual Index batch() const = 0;
  /// Floating-point operations of this rank's products so far, where they are counted.
  virtual std::optional<double> flops() const { return flops_; }

 protected:
  bool has(Mistake mistake) const { return mistake_ == mistake; }

  // The library's products, counted.

  void forward_product(ConstMatrixView x, ConstMatrixView w, MatrixView z) {
    count(x.rows, w);
    linear_forward(x, w, z);
  }
  void input_product(ConstMatrixView dz, ConstMatrixView w, MatrixView dx) {
    count(dz.rows, w);
    linear_backward_input(dz, w, dx);
  }
  void weight_product(ConstMatrixView x, ConstMatrixView dz, MatrixView dw) {
    count(x.rows, dw);
    linear_backward_weight(x, dz, dw);
  }

  ProcessGroup* group_;

 private:
  void count(Index rows, ConstMatrixView w) {
    flops_ += 2.0 * static_cast<double>(rows) * static_cast<double>(w.size());
  }

  Mistake mistake_;
  double flops_ = 0;
};

}  // namespace colonnade::zoo
