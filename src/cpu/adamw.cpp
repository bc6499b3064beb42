// AdamW in one pass: seven streams of memory, and the numbers between them in registers. Square
// root and division are the exact ones, alike in vector code and beside it, so that an element's
// bits are the same wherever it lies; they hide behind the memory. Stores that bypass the cache
// were slower.
#include <omp.h>

#include <cmath>
#include <type_traits>

#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Of elements [begin, end). A gradient that may be written becomes zero.
template <class Gradient>
void update(const AdamWCoefficients& c, Range run, Gradient* g, Scalar* w, Scalar* m, Scalar* v) {
  const auto scalar = [](double x) { return static_cast<Scalar>(x); };
  const Scalar keep = scalar(1 - c.learning_rate * c.weight_decay);
  const Scalar rate = scalar(c.learning_rate / c.correction1);
  const Scalar scale2 = scalar(1 / c.correction2);
  const Scalar beta1 = scalar(c.beta1), rest1 = scalar(1 - c.beta1);
  const Scalar beta2 = scalar(c.beta2), rest2 = scalar(1 - c.beta2);
  const Scalar eps = scalar(c.eps);
  const Scalar scale = scalar(c.gradient_scale);
#pragma omp simd
  for (Index i = run.begin; i < run.end; ++i) {
    const Scalar gi = scale * g[i];
    const Scalar mi = beta1 * m[i] + rest1 * gi;
    const Scalar vi = beta2 * v[i] + rest2 * (gi * gi);
    m[i] = mi;
    v[i] = vi;
    w[i] = keep * w[i] - rate * mi / (std::sqrt(scale2 * vi) + eps);
    if constexpr (!std::is_const_v<Gradient>) g[i] = 0;
  }
}

/// A run for each thread, if it is worth it.
template <class Gradient>
void update_all(const AdamWCoefficients& c, Gradient* g, Index size, Scalar* w, Scalar* m,
                Scalar* v) {
  if (c.updates == 0) return;
  if (size < parallel_threshold) {
    update(c, {0, size}, g, w, m, v);
    return;
  }
#pragma omp parallel
  update(c, shard_range(size, omp_get_num_threads(), omp_get_thread_num()), g, w, m, v);
}

}  // namespace

void adamw_update(std::span<const AdamWCoefficients> c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment) {
  check_adamw_update(gradient, value, first_moment, second_moment);
  update_all(c[0], gradient.data, gradient.size(), value.data, first_moment.data,
             second_moment.data);
}

void adamw_update_and_zero(std::span<const AdamWCoefficients> c, MatrixView gradient,
                           MatrixView value, MatrixView first_moment, MatrixView second_moment) {
  check_adamw_update(gradient, value, first_moment, second_moment);
  update_all(c[0], gradient.data, gradient.size(), value.data, first_moment.data,
             second_moment.data);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
