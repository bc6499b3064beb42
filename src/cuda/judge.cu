// What decides on a step, by one thread: few numbers, and nobody waits for it.
#include <cmath>
#include <vector>

#include "colonnade/ops.hpp"
#include "cuda/gpu.hpp"
#include "cuda/tree.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

constexpr gpu::Grid one_thread = {.blocks = 1, .threads = 1};

__global__ void add_numbers(gpu::Tree tree, const double* numbers, double* sum) {
  *sum = gpu::add_along_tree<gpu::high_tree, double>(
      tree, [&](const gpu::TreeStep& step) { return numbers[step.begin]; });
}

__device__ bool loss_is_finite(const StepBounds& bounds, const double* totals) {
  return std::isfinite(totals[0] / bounds.loss_divisor);
}

__global__ void judge_one_loss(StepBounds bounds, const double* totals, double* tail) {
  tail[0] = totals[1];
  tail[1] = loss_is_finite(bounds, totals) ? 0 : 1;
}

__global__ void judge_one_step(StepBounds bounds, const double* totals, const double* squares,
                               Index tensors, AdamWCoefficients* coefficients, Index count,
                               double* updates) {
  bool good = loss_is_finite(bounds, totals);
  double scale = 1;
  if (bounds.largest_square > 0) {
    double sum = 0;
    for (Index i = 0; i < tensors; ++i) sum += squares[i];
    const double norm = std::sqrt(sum);
    if (bounds.clip > 0) scale = std::fmin(1.0, bounds.clip / (norm + 1e-6));
    good = squares[tensors + 1] == 0 && scale * scale * norm * norm <= bounds.largest_square;
  }
  for (Index i = 0; i < count; ++i) {
    coefficients[i].gradient_scale = scale;
    coefficients[i].updates = good ? 1 : 0;
  }
  *updates = good ? 1 : 0;
}

}  // namespace

void add_along_tree(std::span<const double> numbers, std::span<double> sum) {
  if (numbers.empty()) return zero_bytes(sum.data(), sizeof(double));
  std::vector<Range> each;
  for (Index i = 0; i < std::ssize(numbers); ++i) each.push_back({i, i + 1});
  gpu::launch("add_along_tree", add_numbers, one_thread, gpu::tree_of(each), numbers.data(),
              sum.data());
}

void judge_loss(const StepBounds& bounds, std::span<const double> totals, std::span<double> tail) {
  gpu::launch("judge_loss", judge_one_loss, one_thread, bounds, totals.data(), tail.data());
}

void judge_step(const StepBounds& bounds, std::span<const double> totals,
                std::span<const double> squares, std::span<AdamWCoefficients> coefficients,
                std::span<double> updates) {
  gpu::launch("judge_step", judge_one_step, one_thread, bounds, totals.data(), squares.data(),
              static_cast<Index>(squares.size()) - 2, coefficients.data(),
              static_cast<Index>(coefficients.size()), updates.data());
}

}  // namespace colonnade::inline COLONNADE_PRECISION
