// AdamW with decoupled weight decay. Each rank keeps the moments of its own shards, or with ZeRO
// stage 1 a share of these (Rajbhandari et al., "ZeRO: Memory optimizations toward training
// trillion parameter models").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "colonnade/device_array.hpp"
#include "colonnade/parameter.hpp"
#include "colonnade/process_group.hpp"

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

/// What becomes of gradients that an update has read.
enum class UsedGradients { keep, zero };

inline namespace COLONNADE_PRECISION {

class AdamW {
 public:
  /// The parameters must outlive it. With `moments_over`, a group of ranks that hold the same
  /// parameters (data-parallel ones), each of them keeps the moments of its run of each parameter's
  /// elements, and updates these alone.
  AdamW(std::span<Parameter* const> parameters, const AdamWOptions& options,
        ProcessGroup* moments_over = nullptr);

  /// One update of every parameter from `gradient_scale` times its gradient, at `factor` times the
  /// learning rate. With moments_over only the own elements of the gradients are read, and the
  /// ranks exchange what they updated; then it is collective. To zero the gradients costs least
  /// here. `observer`, if there is one, is told of each parameter's update.
  void step(double factor = 1, double gradient_scale = 1,
            UsedGradients gradients = UsedGradients::keep, Observer* observer = nullptr);

  // The same in two parts, for whom decides in device memory between them on `updates` and
  // `gradient_scale` of the coefficients.

  /// Sets the coefficients of the next update at `factor` times the learning rate: of weights, then
  /// of biases. In device memory.
  std::span<AdamWCoefficients> begin_step(double factor);
  /// Updates by them. Counts an update in any case: who finds that there was none sets it back.
  void finish_step(UsedGradients gradients, Observer* observer);

  const AdamWOptions& options() const { return options_; }
  const ProcessGroup* moments_over() const { return moments_over_; }

  /// What it keeps of one parameter on this rank.
  struct Moments {
    Parameter* parameter;
    std::vector<Range> pieces;  // of its elements, one for each rank of moments_over
    Range own;                  // the piece of this rank, in memory order
    Tensor first;               // [own, 1]
    Tensor second;              // [own, 1]
  };
  /// Parameter by parameter. With updates(), all that a run needs to go on from elsewhere.
  std::span<Moments> moments() { return moments_; }
  std::span<const Moments> moments() const { return moments_; }

  /// Updates so far, which the moments' bias is corrected by.
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  AdamWCoefficients coefficients(double factor, double gradient_scale) const;
  void set_coefficients(const AdamWCoefficients& of_weights);

  AdamWOptions options_;
  ProcessGroup* moments_over_;
  int account_ = 0;
  std::vector<Moments> moments_;
  std::int64_t updates_ = 0;
  DeviceArray<AdamWCoefficients> coefficients_;  // of weights, of biases
};

/// The runs of a parameter's elements, counted in memory order, that the ranks of a group update.
std::vector<Range> element_runs(const Parameter& parameter, int ranks);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
