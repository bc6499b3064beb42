// AdamW, each rank with the moments of its own shards.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "colonnade/parameter.hpp"

namespace colonnade {

/// PyTorch's defaults.
struct AdamWOptions {
  double learning_rate = 1e-3;
  double weight_decay = 0.01;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  bool decay_bias = false;
};

inline namespace COLONNADE_PRECISION {

class AdamW {
 public:
  /// The parameters must outlive it.
  AdamW(std::span<Parameter* const> parameters, const AdamWOptions& options);

  /// One update of every parameter from its gradient, at `factor` times the learning rate.
  void step(double factor = 1);

  const AdamWOptions& options() const { return options_; }

 private:
  struct Moments {
    Parameter* parameter;
    Tensor first;
    Tensor second;
  };
  AdamWOptions options_;
  std::vector<Moments> moments_;
  std::int64_t steps_ = 0;
};

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
