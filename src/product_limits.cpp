// The products of a model's step, each by itself: what they take when nothing comes between them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "colonnade/backend.hpp"
#include "colonnade/limits.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/random.hpp"
#include "colonnade/sample_data.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// The matrices of one layer's products, in its own shapes and shards.
struct Operands {
  Operands(const Parameter& weight, Index rows)
      : shards(weight.weight_shards()),
        x(sample_data(rows, weight.value.rows(), 0, "x")),
        w(sample_data(weight.value.rows(), weight.value.cols(), 0, "w")),
        dz(sample_data(rows, weight.value.cols(), 0, "dz")),
        z(rows, weight.value.cols()),
        dx(rows, weight.value.rows()),
        dw(Tensor::zeros(weight.value.rows(), weight.value.cols())) {}

  void multiply(Product product) {
    switch (product) {
      case Product::forward:
        return linear_forward(x, w, z, shards);
      case Product::backward_input:
        return linear_backward_input(dz, w, dx, shards);
      case Product::backward_weight:
        return linear_backward_weight(x, dz, dw, shards);
    }
  }

  WeightShards shards;
  Tensor x, w, dz, z, dx, dw;
};

/// matrix v, or its transpose times v, in double.
std::vector<double> times(ConstMatrixView matrix, bool transposed, const std::vector<double>& v) {
  const OnHost numbers(matrix);
  std::vector<double> sums(static_cast<std::size_t>(transposed ? matrix.cols : matrix.rows));
  for (Index j = 0; j < matrix.cols; ++j) {
    for (Index i = 0; i < matrix.rows; ++i) {
      const double element = numbers(i, j);
      const auto row = static_cast<std::size_t>(i), col = static_cast<std::size_t>(j);
      (transposed ? sums[col] : sums[row]) += element * v[transposed ? row : col];
    }
  }
  return sums;
}

/// Freivalds' test of c = a b: c v must be a (b v) for a vector v of random signs, which takes one
/// dimension less than the product. Elements are normal numbers: one of c is a sum of `inner` terms
/// whose rounding is below epsilon times that number, and rows of c have `c.cols` of them. Where
/// factors are rounded each term is off by that too, at random, and a sum of such errors grows as
/// the root of the number of terms.
bool is_product(ConstMatrixView c, ConstMatrixView a, bool a_transposed, ConstMatrixView b,
                bool b_transposed) {
  const KeyedRandom random(0, "signs");
  std::vector<double> v(static_cast<std::size_t>(c.cols));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = random.bits(i) % 2 == 0 ? 1 : -1;
  const std::vector<double> got = times(c, false, v);
  const std::vector<double> want = times(a, a_transposed, times(b, b_transposed, v));
  const double inner = static_cast<double>(a_transposed ? a.rows : a.cols);
  const double tolerance =
      64 * std::numeric_limits<Scalar>::epsilon() * (inner + 1) *
          std::sqrt(static_cast<double>(c.cols) + 1) +
      8 * spacing_of_factors(math()) * std::sqrt(inner * static_cast<double>(c.cols));
  return std::equal(got.begin(), got.end(), want.begin(),
                    [&](double x, double y) { return std::abs(x - y) <= tolerance; });
}

void check(ProcessGroup& group, Operands& with, Product product, const std::string& layer) {
  with.dw.set_zero();
  with.multiply(product);
  const bool right = product == Product::forward ? is_product(with.z, with.x, false, with.w, false)
                     : product == Product::backward_input
                         ? is_product(with.dx, with.dz, false, with.w, true)
                         : is_product(with.dw, with.x, true, with.dz, false);
  collectively(group, [&] {
    if (!right) {
      throw Error("wrong result of the product " + std::string(to_string(product)) + " of " +
                  layer + ", which is not timed");
    }
  });
}

}  // namespace

std::vector<MeasuredProduct> measure_products(ProcessGroup& group, const Mlp& model, Index rows,
                                              const Patience& patience) {
  // Layers of one shape are timed once. All ranks must find the same ones alike, so it is the shape
  // of the whole layer that counts.
  using Shape = std::tuple<Index, Index, WeightShards::Axis, Product>;
  std::vector<std::pair<Shape, Times>> known;
  std::vector<MeasuredProduct> measured;
  for (const auto& layer : model.layers()) {
    const Parameter& weight = layer->weight();
    std::optional<Operands> operands;
    for (const Product product :
         {Product::forward, Product::backward_input, Product::backward_weight}) {
      if (product == Product::backward_input && layer == model.layers().front()) continue;
      const Shape shape{weight.rows, weight.cols, weight.axis, product};
      auto found = std::find_if(known.begin(), known.end(),
                                [&](const auto& entry) { return entry.first == shape; });
      if (found == known.end()) {
        if (!operands) operands.emplace(weight, rows);
        check(group, *operands, product, layer->options().name);
        known.emplace_back(shape,
                           time_together(group, patience, [&] { operands->multiply(product); }));
        found = known.end() - 1;
      }
      const Index k = weight.value.rows(), m = weight.value.cols();
      measured.push_back({.layer = layer->options().name,
                          .product = product,
                          .n = rows,
                          .k = k,
                          .m = m,
                          .flops = 2.0 * static_cast<double>(rows) * static_cast<double>(k) *
                                   static_cast<double>(m),
                          .seconds = found->second});
    }
  }
  return measured;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
