// Data parallelism: every rank has the whole model, a perceptron of the library, and its own rows
// of a batch that the ranks don't divide. Gradients of the copies are summed.
#pragma once

#include <vector>

#include "colonnade/mlp.hpp"
#include "zoo/network.hpp"

namespace colonnade::zoo {

class ModelCopies final : public Network {
 public:
  ModelCopies(ProcessGroup& group, Mistake mistake);

  std::vector<Parameter*> parameters() override;
  Tensor output() override;
  double loss() override;
  void compute_gradients() override;
  std::vector<Replica> replicas() override;
  Job job() const override;
  Index batch() const override;
  std::optional<double> flops() const override { return std::nullopt; }

 private:
  Index divisor() const;

  ProcessGroup self_ = ProcessGroup::self();
  Mlp model_;
  Tensor x_, t_;  // [own rows, width of input and output]
};

}  // namespace colonnade::zoo
