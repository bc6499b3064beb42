#include "colonnade/ops.hpp"
#include "cuda/elementwise.hpp"
#include "op_shapes.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

struct Accumulate {
  const Scalar* x;
  Scalar* sum;

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> added = load<count>(x + i);
    Pack<count> result = load<count>(sum + i);
    for (int j = 0; j < count; ++j) result[j] += added[j];
    store(result, sum + i);
  }
};

}  // namespace

void accumulate(ConstMatrixView x, MatrixView sum) {
  check_accumulate(x, sum);
  for_each_element("accumulate", x.size(), {x.data, sum.data}, Accumulate{x.data, sum.data});
}

}  // namespace colonnade::inline COLONNADE_PRECISION
