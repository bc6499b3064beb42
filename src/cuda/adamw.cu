// AdamW in one pass: seven streams of memory, or eight where the gradient is zeroed on the way.
// Square root and division are the exact ones.
#include <cmath>
#include <type_traits>

#include "colonnade/ops.hpp"
#include "cuda/elementwise.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// The numbers of an update, as every thread works them out from its coefficients.
struct Factors {
  __device__ explicit Factors(const AdamWCoefficients& c)
      : keep(scalar(1 - c.learning_rate * c.weight_decay)),
        rate(scalar(c.learning_rate / c.correction1)),
        scale2(scalar(1 / c.correction2)),
        beta1(scalar(c.beta1)),
        rest1(scalar(1 - c.beta1)),
        beta2(scalar(c.beta2)),
        rest2(scalar(1 - c.beta2)),
        eps(scalar(c.eps)),
        scale(scalar(c.gradient_scale)) {}

  __device__ static Scalar scalar(double x) { return static_cast<Scalar>(x); }

  Scalar keep, rate, scale2, beta1, rest1, beta2, rest2, eps, scale;
};

/// A gradient that may be written becomes zero.
template <class Gradient>
struct Update {
  const AdamWCoefficients* coefficients;
  Gradient* g;
  Scalar* w;
  Scalar* m;
  Scalar* v;

  struct Prepared {
    Update to;
    Factors by;

    template <int count>
    __device__ void at(Index i) const {
      const Pack<count> gradient = load<count>(to.g + i);
      Pack<count> value = load<count>(to.w + i);
      Pack<count> first = load<count>(to.m + i), second = load<count>(to.v + i);
      for (int j = 0; j < count; ++j) {
        const Scalar gj = by.scale * gradient[j];
        first[j] = by.beta1 * first[j] + by.rest1 * gj;
        second[j] = by.beta2 * second[j] + by.rest2 * (gj * gj);
        value[j] =
            by.keep * value[j] - by.rate * first[j] / (std::sqrt(by.scale2 * second[j]) + by.eps);
      }
      store(first, to.m + i);
      store(second, to.v + i);
      store(value, to.w + i);
      if constexpr (!std::is_const_v<Gradient>) store(Pack<count>{}, to.g + i);
    }
  };

  __device__ bool is_needed() const { return coefficients->updates != 0; }
  __device__ Prepared prepared() const { return {*this, Factors(*coefficients)}; }
};

template <class Gradient>
void update_all(std::span<const AdamWCoefficients> c, Gradient* gradient, MatrixView value,
                MatrixView first_moment, MatrixView second_moment) {
  for_each_element(
      "adamw_update", value.size(), {gradient, value.data, first_moment.data, second_moment.data},
      Update<Gradient>{c.data(), gradient, value.data, first_moment.data, second_moment.data});
}

}  // namespace

void adamw_update(std::span<const AdamWCoefficients> c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment) {
  check_adamw_update(gradient, value, first_moment, second_moment);
  update_all(c, gradient.data, value, first_moment, second_moment);
}

void adamw_update_and_zero(std::span<const AdamWCoefficients> c, MatrixView gradient,
                           MatrixView value, MatrixView first_moment, MatrixView second_moment) {
  check_adamw_update(gradient, value, first_moment, second_moment);
  update_all(c, gradient.data, value, first_moment, second_moment);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
