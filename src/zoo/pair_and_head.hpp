// A column-parallel layer, a row-parallel one and a head cut by classes: the pair of a
// transformer's block in small, with biases, cross-entropy over sharded logits, and clipping.
#pragma once

#include <vector>

#include "colonnade/device_array.hpp"
#include "zoo/network.hpp"

namespace colonnade::zoo {

class PairAndHead final : public Network {
 public:
  PairAndHead(ProcessGroup& group, Mistake mistake);

  std::vector<Parameter*> parameters() override;
  Tensor output() override;
  double loss() override;
  void compute_gradients() override;
  std::optional<double> gradient_norm() override;
  double update_scale() override;
  std::vector<Replica> replicas() override;
  Job job() const override;
  Index batch() const override { return x_.rows(); }

 private:
  /// What forward hands to backward; derivatives are at the pre-activations.
  struct Cache {
    Tensor hidden, hidden_derivative;  // [B, own hidden]
    Tensor y, y_derivative;            // [B, width] of the pair's output
    Tensor logits;                     // [B, own classes]; exp(l - largest) after the loss
    Numbers sums;                      // three a row, of which backward needs the first
  };

  Range own_hidden() const { return hidden_cut_.range(group_->rank()); }
  Range own_classes() const { return class_cut_.range(group_->rank()); }
  Cache forward();
  void sum_over_ranks(Tensor& z, Tensor& y);
  double cross_entropy(Cache& cache);
  Index smoothed_classes() const;
  void sum_input_gradient(Tensor& dy);

  Sharding hidden_cut_, class_cut_;
  Parameter w1_, b1_;  // [in, own hidden], [1, own hidden]
  Parameter w2_, b2_;  // [own hidden, width], [1, width] on every rank
  Parameter w3_, b3_;  // [width, own classes], [1, own classes]
  Tensor x_;           // [B, in]
  Tensor t_;           // [B, own classes], one-hot
};

}  // namespace colonnade::zoo
