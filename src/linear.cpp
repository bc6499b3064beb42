// The products of a linear layer, for every backend. A weight in one piece is multiplied as fast as
// can be, one in shards exactly.
#include "colonnade/ops.hpp"
#include "matmul.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// What is summed over: a dimension of the weight, which its shards may cut, or the rows of a
/// batch, which they don't.
enum class SumOver { inputs, outputs, rows };

bool cuts(const WeightShards& shards, SumOver dimension) {
  const bool inputs = shards.axis == WeightShards::Axis::inputs;
  return dimension == (inputs ? SumOver::inputs : SumOver::outputs);
}

void multiply(const Factor& a, const Factor& b, SumOver dimension, const WeightShards& shards,
              Store store, MatrixView out) {
  if (shards.ranges.empty()) return multiply(a, b, store, out);
  const Range whole[] = {{0, a.cols}};
  multiply_exactly(a, b, cuts(shards, dimension) ? shards.ranges : whole, store, out);
}

}  // namespace

void linear_forward(ConstMatrixView x, ConstMatrixView w, MatrixView z,
                    const WeightShards& shards) {
  check_linear_forward(x, w, z, shards);
  multiply(factor(x), factor(w), SumOver::inputs, shards, Store::assign, z);
}

void linear_backward_input(ConstMatrixView dz, ConstMatrixView w, MatrixView dx,
                           const WeightShards& shards) {
  check_linear_backward_input(dz, w, dx, shards);
  multiply(factor(dz), transposed(w), SumOver::outputs, shards, Store::assign, dx);
}

void linear_backward_input_part(ConstMatrixView dz, ConstMatrixView w, Index first,
                                MatrixView dx_part) {
  check_linear_backward_input_part(dz, w, first, dx_part);
  const Factor part = transposed(w).columns({first, first + dx_part.cols});
  multiply(factor(dz), part, Store::assign, dx_part);
}

// In exact mode the product is complete before it is added: zero, then one batch's product, then
// another's, is the tree of the two.
void linear_backward_weight(ConstMatrixView x, ConstMatrixView dz, MatrixView dw,
                            const WeightShards& shards) {
  check_linear_backward_weight(x, dz, dw, shards);
  multiply(transposed(x), factor(dz), SumOver::rows, shards, Store::add, dw);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
