// What the two parallel linear layers share: y = s(x w + b), with dropout, its parameters, and what
// backward needs of forward. How the layer is cut among ranks is theirs to say:
// column_parallel_linear.hpp and row_parallel_linear.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "colonnade/activation.hpp"
#include "colonnade/parameter.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

struct ObservedMatrix;

/// Where in a training a forward stands; dropout is keyed by it.
struct ForwardContext {
  bool training = false;   // else nothing is dropped
  std::uint64_t step = 0;  // optimizer steps before this one
  Index first_row = 0;     // of x, among the rows of the whole batch
  /// Where `step` stands in device memory, for a forward that is recorded; else null.
  const std::uint64_t* step_on_device = nullptr;
};

inline namespace COLONNADE_PRECISION {

class LinearLayer {
 public:
  struct Options {
    std::string name;  // of its parameters: <name>.weight, <name>.bias
    Index in = 0;
    Index out = 0;
    Activation activation = Activation::identity;
    bool bias = true;
    std::uint64_t seed = 0;
    double dropout = 0;      // share of the outputs that training drops
    Index shards = 0;        // logical shards of exact mode; 0: fast mode
    bool recompute = false;  // keep x alone and compute the rest again in backward
  };

  /// What backward needs of forward. Moves with the step's memory; cannot be copied.
  struct Cache {
    Tensor x;
    Tensor derivative;  // s'(z), with dropout's factors; empty if it is 1, or computed again
    ForwardContext context;
    bool fused = false;  // `derivative` is what linear_activation_forward left in its place
  };
  struct Output {
    Tensor y;
    Cache cache;
  };

  /// A forward whose collective may still be under way.
  struct Forward {
    Tensor x;
    Tensor z;  // s'(z) once it is known; before that a row-parallel layer's z, or its partial sum
    Tensor y;
    ForwardContext context;
    bool under_way = false;
    bool fused = false;  // z is what linear_activation_forward leaves
  };
  /// A backward whose collective may still be under way.
  struct Backward {
    Tensor x;
    Tensor dz;
    Tensor partial_dx;  // which the sum over the ranks reads
    Tensor dx;
    bool under_way = false;
  };

  virtual ~LinearLayer() = default;
  LinearLayer(LinearLayer&&) = default;
  LinearLayer& operator=(LinearLayer&&) = default;

  /// Collective. Which columns x and y have is the derived layer's to say.
  Output forward(Tensor x, const ForwardContext& context = {}) const {
    return finish_forward(begin_forward(std::move(x), context, false));
  }
  /// Adds to the gradients of weight and bias; returns dx, if it is wanted. Collective.
  Tensor backward(Cache cache, Tensor dy) {
    Backward begun = begin_backward(std::move(cache), std::move(dy), false);
    add_weight_gradient(begun);
    return finish_backward(std::move(begun));
  }

  // The same in parts, between which a rank can compute something else while the layer's collective
  // is under way: it is, where `overlap` asks for it. What was begun first is finished first. Not
  // in exact mode.

  virtual Forward begin_forward(Tensor x, const ForwardContext& context, bool overlap) const = 0;
  virtual Output finish_forward(Forward begun) const = 0;
  /// Adds to the bias's gradient, too.
  virtual Backward begin_backward(Cache cache, Tensor dy, bool overlap) = 0;
  /// Adds to the weight's gradient, and gives back what only this needs.
  void add_weight_gradient(Backward& begun);
  Tensor finish_backward(Backward begun) const;

  /// While something is under way in this group, whose messages nobody else carries on, the layer's
  /// products let it get on. It must stay where it is; null ends it.
  void carry_on(ProcessGroup* beside) { beside_ = beside; }

  const Options& options() const { return options_; }
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }
  /// Empty, [1, 0], without a bias.
  Parameter& bias() { return bias_; }
  const Parameter& bias() const { return bias_; }
  bool has_bias() const { return options_.bias; }

 protected:
  /// `weight` and `bias` say which block the rank owns; their names and the layer's sizes are added
  /// here. W becomes normal with variance 1 / in, keyed by (seed, name, global index); b zero.
  LinearLayer(ProcessGroup& group, const Options& options, Parameter weight, Parameter bias);

  SumOrder sum_order() const { return options_.shards > 0 ? SumOrder::tree : SumOrder::any; }
  std::pmr::memory_resource* memory() const { return group_->memory(); }

  // What a layer computes with its block W of the weight and its part b of the bias, recorded.

  // While a collective of the group is under way, products are computed in tiles, between which it
  // gets on.

  /// z = x W.
  void forward_product(ConstMatrixView x, MatrixView z) const;
  /// Whether product and activation are one op, which nobody looks into.
  bool fuses(const ForwardContext& context) const;
  /// y = s(x W + b), z for its backward.
  void forward_activated(ConstMatrixView x, MatrixView z, MatrixView y) const;
  /// dx = dz W^T.
  void backward_input(ConstMatrixView dz, MatrixView dx) const;
  /// Adds x^T dz to W's gradient.
  void backward_weight(ConstMatrixView x, ConstMatrixView dz);
  /// Adds b to z, whose first column is the layer's `first_col`.
  void add_bias(Index first_col, MatrixView z) const;

  /// Whether s'(z) is 1 everywhere, so that nobody needs it.
  bool derivative_is_one() const {
    return options_.activation == Activation::identity && options_.dropout == 0;
  }
  /// y = s(z + b), dropout included; z becomes the derivative. `first_col` is the first of y's
  /// columns, among all of the layer. Not for a derivative of 1.
  void activate(const ForwardContext& context, Index first_col, MatrixView z, MatrixView y) const;
  /// dz = dy times the derivative, into the memory of either; adds to the bias's gradient.
  /// `first_col` is the first of dy's columns. `fused` is as in Cache.
  Tensor backward_activation(Tensor derivative, bool fused, Tensor dy, Index first_col);

  ProcessGroup* group_;
  int account_;  // of the group's traffic: the layer's name
  Options options_;
  Parameter weight_;
  Parameter bias_;

 private:
  template <class Work>
  void in_tiles(Index columns, Index multiply_adds, const Work& work) const;

  // For the group's observer, if there is one: what has just been computed.
  Tensor copy_if_observed(ConstMatrixView matrix) const;
  void tell(std::string_view equation, const std::vector<ObservedMatrix>& matrices) const;
  void tell_product(ConstMatrixView x, ConstMatrixView z) const;
  void tell_activation(ConstMatrixView z, ConstMatrixView y, ConstMatrixView derivative,
                       Index first_col) const;
  void tell_activation_gradient(ConstMatrixView dy, ConstMatrixView derivative, ConstMatrixView dz,
                                Index first_col) const;
  void tell_input_gradient(ConstMatrixView dz, ConstMatrixView dx) const;
  void tell_weight_gradient(ConstMatrixView x, ConstMatrixView dz) const;

  KeyedRandom dropout_;
  ProcessGroup* beside_ = nullptr;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
