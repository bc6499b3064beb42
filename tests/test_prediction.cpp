// Classes and scores, on every mesh the same.
#include "colonnade/prediction.hpp"

#include <algorithm>
#include <cmath>

#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

namespace {

constexpr Index classes = 9;

/// Inputs that are unlike for each sample.
class Samples final : public Dataset {
 public:
  Index samples() const override { return 23; }
  Index inputs() const override { return 3; }
  Index targets() const override { return classes; }
  bool has_classes() const override { return true; }
  Index class_of(Index sample) const override { return sample * 5 % classes; }
  std::size_t bytes() const override { return 0; }
  std::uint64_t digest() const override { return 0; }
  void fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const override {
    for (Index i = 0; i < x.rows; ++i) {
      const Index sample = rows[static_cast<std::size_t>(i)];
      for (Index j = 0; j < x.cols; ++j)
        x.data[j * x.rows + i] = static_cast<Scalar>(std::sin(3 * sample + 7 * j));
      for (Index j = 0; j < t.cols; ++j) t.data[j * t.rows + i] = class_of(sample) == j ? 1 : 0;
    }
  }
};

MlpOptions options_of(Layout layout, bool shard_output) {
  return {.widths = {3, 11, classes}, .seed = 4, .layout = layout, .shard_output = shard_output};
}

/// Every mesh of these ranks.
std::vector<MeshShape> meshes(int ranks) {
  std::vector<MeshShape> shapes;
  for (int dp = 1; dp <= ranks; ++dp) {
    if (ranks % dp == 0) shapes.push_back({dp, ranks / dp});
  }
  return shapes;
}

/// The last layer's outputs are these, whatever its inputs.
void set_outputs(Mlp& model, const std::vector<Scalar>& outputs) {
  for (Parameter* parameter : model.parameters()) {
    Tensor& value = parameter->value;
    std::fill(value.data(), value.data() + value.size(), Scalar{0});
  }
  Tensor& bias = model.parameters().back()->value;
  const Index first = model.parameters().back()->owned_cols.begin;
  for (Index j = 0; j < bias.cols(); ++j) bias(0, j) = outputs[static_cast<std::size_t>(first + j)];
}

}  // namespace

RANKS_TEST_CASE("of equal outputs the first class is taken, whichever rank has it", "1-4") {
  for (const Layout layout : {Layout::gather, Layout::pair}) {
    for (const bool shard_output : {false, true}) {
      Mlp model(world, options_of(layout, shard_output));
      for (Index first = 0; first < classes; ++first) {
        std::vector<Scalar> outputs(classes, -2);
        for (const Index equal : {first, (first + 4) % classes, classes - 1})
          outputs[static_cast<std::size_t>(equal)] = -1;
        const auto wanted = std::find(outputs.begin(), outputs.end(), -1) - outputs.begin();
        set_outputs(model, outputs);
        Tensor x = Tensor::zeros(5, 3);
        const Tensor y = model.forward(std::move(x)).y;
        CHECK(largest_columns(model, y) == std::vector<std::int64_t>(5, wanted));
      }
    }
  }
}

TEST_CASE("scores of cross-entropy are probabilities, those of mean square the outputs") {
  ProcessGroup self = ProcessGroup::self();
  Mesh mesh(self, {});
  Mlp model(mesh.tp(), options_of(Layout::gather, true));
  const Samples data;
  Tensor x(data.samples(), 3), t(data.samples(), classes);
  std::vector<Index> rows(static_cast<std::size_t>(data.samples()));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Index>(i);
  data.fill_batch(rows, x, t);
  const Tensor y = model.forward(std::move(x)).y;
  const auto probable = predict(mesh, model, LossKind::cross_entropy, data, 7);
  const auto plain = predict(mesh, model, LossKind::mean_square, data, 7);
  REQUIRE(probable.size() == rows.size());
  REQUIRE(plain.size() == rows.size());
  for (const Index row : rows) {
    Index best = 0;
    double sum = 0;
    for (Index j = 0; j < classes; ++j) {
      if (y(row, j) > y(row, best)) best = j;
      sum += std::exp(double{y(row, j)});
    }
    const auto i = static_cast<std::size_t>(row);
    const Index truth = data.class_of(row);
    CHECK(probable[i].predicted == best);
    CHECK(plain[i].predicted == best);
    // Not the products' bits: a batch of another size may add in another order.
    CHECK(std::abs(probable[i].score - std::exp(double{y(row, best)}) / sum) <= 1e-5);
    CHECK(std::abs(probable[i].truth_score - std::exp(double{y(row, truth)}) / sum) <= 1e-5);
    CHECK(std::abs(plain[i].score - double{y(row, best)}) <= 1e-5);
    CHECK(std::abs(plain[i].truth_score - double{y(row, truth)}) <= 1e-5);
  }
}

RANKS_TEST_CASE("predictions are those of one rank, on every mesh and in either layout", "1-4") {
  ProcessGroup self = ProcessGroup::self();
  Mesh alone(self, {});
  const Mlp whole(alone.tp(), options_of(Layout::gather, true));
  const Samples data;
  for (const LossKind loss : {LossKind::cross_entropy, LossKind::mean_square}) {
    const auto wanted = predict(alone, whole, loss, data, 23);
    for (const MeshShape shape : meshes(world.size())) {
      for (const Layout layout : {Layout::gather, Layout::pair}) {
        Mesh mesh(world, shape);
        const Mlp model(mesh.tp(), options_of(layout, true));
        // Batches of 6 leave a short one, and ranks without a row on a mesh of many copies.
        const auto got = predict(mesh, model, loss, data, 6);
        REQUIRE_ALL(world, got.size() == wanted.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          CHECK(got[i].predicted == wanted[i].predicted);
          CHECK(std::abs(got[i].score - wanted[i].score) <= 1e-5);
          CHECK(std::abs(got[i].truth_score - wanted[i].truth_score) <= 1e-5);
        }
      }
    }
  }
}

RANKS_TEST_CASE("an output that is not finite is an error on every rank", "1-4") {
  for (const Scalar bad :
       {std::numeric_limits<Scalar>::quiet_NaN(), std::numeric_limits<Scalar>::infinity()}) {
    for (const LossKind loss : {LossKind::cross_entropy, LossKind::mean_square}) {
      Mesh mesh(world, {1, world.size()});
      Mlp model(mesh.tp(), options_of(Layout::gather, true));
      std::vector<Scalar> outputs(classes, 1);
      outputs[5] = bad;
      set_outputs(model, outputs);
      const std::string error =
          harness::error_of([&] { predict(mesh, model, loss, Samples(), 23); });
      CHECK(error.find("the output for sample 0 is not finite") != std::string::npos);
    }
  }
}
