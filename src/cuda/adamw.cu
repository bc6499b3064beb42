// AdamW in one pass: seven streams of memory, or eight where the gradient is zeroed on the way.
// Square root and division are the exact ones.
#include <cmath>
#include <type_traits>

#include "colonnade/ops.hpp"
#include "cuda/elementwise.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// A gradient that may be written becomes zero.
template <class Gradient>
struct Update {
  Update(const AdamWCoefficients& c, Gradient* gradient, MatrixView value, MatrixView first_moment,
         MatrixView second_moment)
      : keep(scalar(1 - c.learning_rate * c.weight_decay)),
        rate(scalar(c.learning_rate / c.correction1)),
        scale2(scalar(1 / c.correction2)),
        beta1(scalar(c.beta1)),
        rest1(scalar(1 - c.beta1)),
        beta2(scalar(c.beta2)),
        rest2(scalar(1 - c.beta2)),
        eps(scalar(c.eps)),
        scale(scalar(c.gradient_scale)),
        g(gradient),
        w(value.data),
        m(first_moment.data),
        v(second_moment.data) {}

  static Scalar scalar(double x) { return static_cast<Scalar>(x); }

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> gradient = load<count>(g + i);
    Pack<count> value = load<count>(w + i);
    Pack<count> first = load<count>(m + i), second = load<count>(v + i);
    for (int j = 0; j < count; ++j) {
      const Scalar gj = scale * gradient[j];
      first[j] = beta1 * first[j] + rest1 * gj;
      second[j] = beta2 * second[j] + rest2 * (gj * gj);
      value[j] = keep * value[j] - rate * first[j] / (std::sqrt(scale2 * second[j]) + eps);
    }
    store(first, m + i);
    store(second, v + i);
    store(value, w + i);
    if constexpr (!std::is_const_v<Gradient>) store(Pack<count>{}, g + i);
  }

  Scalar keep, rate, scale2, beta1, rest1, beta2, rest2, eps, scale;
  Gradient* g;
  Scalar* w;
  Scalar* m;
  Scalar* v;
};

template <class Gradient>
void update_all(const AdamWCoefficients& c, Gradient* gradient, MatrixView value,
                MatrixView first_moment, MatrixView second_moment) {
  for_each_element("adamw_update", value.size(),
                   {gradient, value.data, first_moment.data, second_moment.data},
                   Update<Gradient>(c, gradient, value, first_moment, second_moment));
}

}  // namespace

void adamw_update(const AdamWCoefficients& c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment) {
  check_adamw_update(gradient, value, first_moment, second_moment);
  update_all(c, gradient.data, value, first_moment, second_moment);
}

void adamw_update_and_zero(const AdamWCoefficients& c, MatrixView gradient, MatrixView value,
                           MatrixView first_moment, MatrixView second_moment) {
  check_adamw_update(gradient, value, first_moment, second_moment);
  update_all(c, gradient.data, value, first_moment, second_moment);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
