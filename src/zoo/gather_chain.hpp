// The chain of the script that this project grew out of: square layers, W cut by columns, every
// output gathered. Y_(i+1) = s(Y_i W_i), and the mean square of Y - T as loss.
#pragma once

#include <vector>

#include "zoo/network.hpp"

namespace colonnade::zoo {

class GatherChain final : public Network {
 public:
  /// Throws unless so many ranks divide the width, as the mistakes need it.
  static void check_ranks(int ranks);

  GatherChain(ProcessGroup& group, Mistake mistake);

  std::vector<Parameter*> parameters() override;
  Tensor output() override;
  double loss() override;
  void compute_gradients() override;
  std::vector<Replica> replicas() override;
  std::optional<Passage> passage() override;
  Job job() const override;
  Index batch() const override { return x_.rows(); }

 private:
  /// What a layer's forward hands to its backward.
  struct Cache {
    Tensor x;  // [B, width] input
    Tensor z;  // [B, own columns] pre-activation
    Tensor y;  // [B, width] output
  };

  Range own() const { return cut_.range(group_->rank()); }
  void fill(Parameter& weight) const;
  std::vector<Cache> forward(const Tensor& x);
  Tensor gather(std::size_t layer, const Tensor& own_y);
  Tensor own_dz(const Cache& cache, const Tensor& own_dy) const;
  void add_weight_gradient(std::size_t layer, const Cache& cache, const Tensor& dz);
  Tensor own_dx(std::size_t layer, const Tensor& dz);
  Tensor sum(const Tensor& partial_dx);
  Tensor gathered(const Tensor& own_columns);
  Tensor whole_weight_gradient(const Cache& cache, const Tensor& own_dz);

  Sharding cut_;
  std::vector<Parameter> weights_;  // [width, own columns] each
  Tensor x_, t_;                    // [B, width]
  std::vector<Cache> kept_;         // of another batch, for the mistake that uses them
};

}  // namespace colonnade::zoo
