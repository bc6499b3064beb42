// Steps of an MLP as large as a GPU likes them, on a batch that is on the GPU, beside the limit of
// the GPU for them, with factors rounded to bf16 and to tf32. The products of the limit are
// cuBLASLt's alone, of factors that are rounded already.
//
//   large_step [--try] [BATCH WIDTH [MATH]]       16384 8192, in bf16 and then in tf32
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "../lent_tensor.hpp"
#include "../step_limit.hpp"
#include "colonnade/gradient_check.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_step.hpp"
#include "cublas_product.hpp"
#include "cuda/bf16.hpp"

namespace {

using namespace colonnade;

using bench::layers;
using bench::network;
using bench::Shape;

/// A matrix as products in this math read it.
class Operand {
 public:
  Operand(Tensor numbers, Math math) : numbers_(std::move(numbers)) {
    if (math != Math::bf16) return;
    rounded_.emplace(stride() * numbers_.cols());
    round_to_bf16(numbers_.data(), numbers_.rows(), numbers_.rows(), numbers_.cols(),
                  rounded_->span().data(), stride());
  }

  const Tensor& numbers() const { return numbers_; }
  bench::Factor factor(bool transposed = false) {
    if (!rounded_) return bench::factor_of(numbers_, transposed);
    return {rounded_->span().data(), CUDA_R_16BF, numbers_.rows(),
            numbers_.cols(),         stride(),    transposed};
  }

 private:
  Index stride() const { return (numbers_.rows() + bf16_pack - 1) / bf16_pack * bf16_pack; }

  Tensor numbers_;
  std::optional<DeviceArray<__nv_bfloat16>> rounded_;
};

/// The products of a step, by cuBLASLt alone: of layers of equal width, of whose outputs this rank
/// has `own`.
class CublasProducts {
 public:
  CublasProducts(Shape shape, Index own, Math math)
      : x_(sample_data(shape.batch, shape.width, 0, "x"), math),
        w_(sample_data(shape.width, own, 0, "w"), math),
        dz_(sample_data(shape.batch, own, 0, "dz"), math),
        z_(shape.batch, own),
        dx_(shape.batch, shape.width),
        dw_(shape.width, own),
        workspace_(Index{32} << 20),
        forward_(x_.factor(), w_.factor(), z_, math, workspace_.span()),
        backward_input_(dz_.factor(), w_.factor(true), dx_, math, workspace_.span()),
        backward_weight_(x_.factor(true), dz_.factor(), dw_, math, workspace_.span()) {}

  void compute() const {
    for (Index layer = 0; layer < layers; ++layer) {
      forward_.compute();
      if (layer > 0) backward_input_.compute();
      backward_weight_.compute();
    }
  }

  /// Whether the ops multiply to the same, in the math that was chosen for them.
  bool agree_with_ops() {
    compute();
    Tensor z(z_.rows(), z_.cols()), dx(dx_.rows(), dx_.cols());
    Tensor dw = Tensor::zeros(dw_.rows(), dw_.cols());
    linear_forward(x_.numbers(), w_.numbers(), z);
    linear_backward_input(dz_.numbers(), w_.numbers(), dx);
    linear_backward_weight(x_.numbers(), dz_.numbers(), dw);
    const auto close = [](ConstMatrixView got, ConstMatrixView want) {
      return gradient_error(got, want).within(1024 * std::numeric_limits<Scalar>::epsilon());
    };
    return close(z, z_) && close(dx, dx_) && close(dw, dw_);
  }

 private:
  Operand x_, w_, dz_;
  Tensor z_, dx_, dw_;
  DeviceArray<char> workspace_;
  bench::CublasProduct forward_, backward_input_, backward_weight_;
};

class Training {
 public:
  Training(ProcessGroup& world, Shape shape)
      : batch_(shape.batch),
        model_(world, network(shape.width)),
        loss_(world, model_.output()),
        optimizer_(model_.parameters(), {}),
        step_(model_, loss_, optimizer_, nullptr, {.gradients = UsedGradients::zero}),
        x_(sample_data(shape.batch, shape.width, 0, "x")),
        t_(sample_data(shape.batch, shape.width, 0, "t")) {}

  double step() { return step_.run(x_.lend(), t_.lend()).loss; }
  double flops() const { return model_.step_flops(batch_); }
  /// On this rank.
  Index parameters() const {
    Index count = 0;
    for (const Parameter* parameter : model_.parameters()) count += parameter->value.size();
    return count;
  }

 private:
  Index batch_;
  Mlp model_;
  MeanSquare loss_;
  AdamW optimizer_;
  TrainingStep step_;
  bench::LentTensor x_, t_;
};

/// Small: losses as those of steps in full precision, and products as those of the ops.
void check(ProcessGroup& world, Math math) {
  const Shape small = {64, 128};
  set_math(Math::fp32);
  Training wanted(world, small);
  std::vector<double> losses;
  for (int i = 0; i < 3; ++i) losses.push_back(wanted.step());
  set_math(math);
  Training training(world, small);
  for (const double want : losses) {
    const double loss = training.step();
    bench::require(std::abs(loss - want) < 1e-2 * want, "loss against full precision");
  }
  CublasProducts products(small, small.width / world.size(), math);
  bench::require(products.agree_with_ops(), "cuBLASLt's products against ours");
}

void measure(ProcessGroup& world, Shape shape, Math math, int count) {
  check(world, math);
  bench::print(world,
               std::to_string(shape.batch) + " x " + std::to_string(shape.width) + ", " +
                   std::to_string(layers) + " layers, " + std::string(to_string(math)),
               "");
  Training training(world, shape);
  for (int i = 0; i < 3; ++i) training.step();
  const CublasProducts products(shape, shape.width / world.size(), math);
  const auto rounds = bench::measure_rounds(
      world, count, training.parameters(), [&] { products.compute(); }, [&] { training.step(); });
  bench::print_rounds(world, rounds, training.flops(), "cuBLASLt's products alone");
}

std::vector<Math> maths_of(const std::vector<std::string>& words) {
  if (words.size() > 2) return {math_from(words[2])};
  // Doubles are multiplied as doubles.
  if (sizeof(Scalar) == 8) return {Math::fp32};
  return {Math::bf16, Math::tf32};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_with_words(
      argc, argv, "large steps", [](ProcessGroup& world, const bench::Arguments& arguments) {
        const std::vector<std::string>& words = arguments.words;
        if (words.size() == 1 || words.size() > 3) {
          throw Error::agreed("wanted: large_step [--try] [BATCH WIDTH [MATH]]");
        }
        Shape shape = {arguments.pick<Index>(16384, 128), arguments.pick<Index>(8192, 64)};
        if (!words.empty()) shape = {bench::positive(words[0]), bench::positive(words[1])};
        for (const Math math : maths_of(words)) {
          measure(world, shape, math, arguments.pick(15, 2));
        }
      });
}
