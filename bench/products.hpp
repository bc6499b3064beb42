// The matrix products of a training step and nothing else: the ceiling of what the step may reach.
#pragma once

#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"

namespace bench {

/// Of `layers` layers of equal width, cut by their outputs, on one rank: forward, the gradient of
/// the input (not of the first layer's) and that of the weight.
class Products {
 public:
  Products(colonnade::Index rows, colonnade::Index width, colonnade::Index own,
           colonnade::Index layers)
      : layers_(layers),
        x_(colonnade::sample_data(rows, width, 0, "x")),
        w_(colonnade::sample_data(width, own, 0, "w")),
        z_(rows, own),
        dx_(rows, width),
        dw_(colonnade::Tensor::zeros(width, own)) {}

  void compute() {
    for (colonnade::Index layer = 0; layer < layers_; ++layer) {
      colonnade::linear_forward(x_, w_, z_);
      if (layer > 0) colonnade::linear_backward_input(z_, w_, dx_);
      colonnade::linear_backward_weight(x_, z_, dw_);
    }
  }

 private:
  colonnade::Index layers_;
  colonnade::Tensor x_;   // [rows, width]
  colonnade::Tensor w_;   // [width, own]
  colonnade::Tensor z_;   // [rows, own]
  colonnade::Tensor dx_;  // [rows, width]
  colonnade::Tensor dw_;  // [width, own]
};

}  // namespace bench
