#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void adamw_update(const AdamWCoefficients& c, ConstMatrixView gradient, MatrixView value,
                  MatrixView first_moment, MatrixView second_moment) {
  check_shape(value, gradient.rows, gradient.cols, "value, as its gradient");
  check_shape(first_moment, gradient.rows, gradient.cols, "first_moment, as its gradient");
  check_shape(second_moment, gradient.rows, gradient.cols, "second_moment, as its gradient");
  const auto scalar = [](double x) { return static_cast<Scalar>(x); };
  const Scalar keep = scalar(1 - c.learning_rate * c.weight_decay);
  const Scalar rate = scalar(c.learning_rate / c.correction1);
  const Scalar scale2 = scalar(1 / c.correction2);
  const Scalar beta1 = scalar(c.beta1), rest1 = scalar(1 - c.beta1);
  const Scalar beta2 = scalar(c.beta2), rest2 = scalar(1 - c.beta2);
  const Scalar eps = scalar(c.eps);
  const Scalar scale = scalar(c.gradient_scale);
  for_each_chunk(gradient.size(), [=](Index begin, Index count) {
    // Through chunks, because Eigen's square root is approximate in vector code and exact beside
    // it.
    const Chunk g = scale * load_chunk(gradient.data + begin, count);
    Chunk w = load_chunk(value.data + begin, count);
    Chunk m = load_chunk(first_moment.data + begin, count);
    Chunk v = load_chunk(second_moment.data + begin, count);
    m = beta1 * m + rest1 * g;
    v = beta2 * v + rest2 * g.square();
    w = keep * w - rate * m / ((scale2 * v).sqrt() + eps);
    store_chunk(w, value.data + begin, count);
    store_chunk(m, first_moment.data + begin, count);
    store_chunk(v, second_moment.data + begin, count);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
