#include <cstdint>

#include "colonnade/ops.hpp"
#include "cpu/eigen.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

bool is_aligned(const Scalar* data) {
  return reinterpret_cast<std::uintptr_t>(data) % tensor_alignment == 0;
}

}  // namespace

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
  const auto update = [=](const auto& gradient, auto& w, auto& m, auto& v) {
    const Chunk g = scale * gradient;
    m = beta1 * m + rest1 * g;
    v = beta2 * v + rest2 * g.square();
    w = keep * w - rate * m / ((scale2 * v).sqrt() + eps);
  };
  for_each_chunk(gradient.size(), [=](Index begin, Index count) {
    // Eigen's square root is approximate in vector code and exact beside it: all elements must take
    // the former. They do in place, where chunks are whole and aligned, as those of tensors are.
    const auto g = array(gradient.data + begin, count);
    auto w = array(value.data + begin, count);
    auto m = array(first_moment.data + begin, count);
    auto v = array(second_moment.data + begin, count);
    if (count == chunk_size && is_aligned(w.data()) && is_aligned(m.data()) &&
        is_aligned(v.data())) {
      update(g, w, m, v);
      return;
    }
    Chunk w_chunk = load_chunk(w.data(), count), m_chunk = load_chunk(m.data(), count);
    Chunk v_chunk = load_chunk(v.data(), count);
    update(load_chunk(g.data(), count), w_chunk, m_chunk, v_chunk);
    store_chunk(w_chunk, w.data(), count);
    store_chunk(m_chunk, m.data(), count);
    store_chunk(v_chunk, v.data(), count);
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
