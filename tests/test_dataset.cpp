#include "colonnade/dataset.hpp"

#include <array>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/npy.hpp"
#include "files.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using colonnade::IdxDataset;
using colonnade::IdxImages;
using colonnade::Index;
using colonnade::load_matrices;
using colonnade::load_mnist;
using colonnade::MatrixDataset;
using colonnade::Scalar;
using colonnade::Tensor;
using harness::error_of;
using harness::lacking;
using harness::temporary_folder;
using harness::write_file;
using namespace std::string_literals;

namespace {

/// `count` images of rows x cols whose bytes count up, labelled 0, 1, 2, 0, ...
IdxDataset counting_images(Index count, Index rows, Index cols) {
  IdxImages images = {count, rows, cols, {}};
  images.pixels.resize(static_cast<std::size_t>(count * rows * cols));
  std::iota(images.pixels.begin(), images.pixels.end(), std::uint8_t{0});
  std::vector<std::uint8_t> labels;
  for (Index i = 0; i < count; ++i) labels.push_back(static_cast<std::uint8_t>(i % 3));
  return {std::move(images), std::move(labels), 3, "images", "labels"};
}

MatrixDataset counting_numbers(Index n, Index inputs, Index targets) {
  Tensor x(inputs, n);
  Tensor t(targets, n);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Scalar>(i);
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<Scalar>(-i);
  return {std::move(x), std::move(t), "inputs", "targets"};
}

/// Writes the four files of MNIST's layout with three training and two test images of 1 x 2 pixels.
void write_mnist(const std::filesystem::path& folder) {
  const std::string sizes = "\0\0\0\x01\0\0\0\x02"s;
  write_file(folder / "train-images-idx3-ubyte", "\0\0\x08\x03\0\0\0\x03"s + sizes + "abcdef");
  write_file(folder / "train-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x03"s + "\x02\0\x01"s);
  write_file(folder / "t10k-images-idx3-ubyte", "\0\0\x08\x03\0\0\0\x02"s + sizes + "ghij");
  write_file(folder / "t10k-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x02"s + "\x01\x01"s);
}

}  // namespace

TEST_CASE("a batch holds the images asked for, scaled, and one-hot targets") {
  // More rows than are gathered at once, and a rest; a row asked for twice.
  const IdxDataset data = counting_images(50, 3, 7);
  CHECK(data.samples() == 50);
  CHECK(data.inputs() == 21);
  CHECK(data.targets() == 3);
  CHECK(data.has_classes());
  CHECK(data.bytes() == 50 * 21 + 50);
  std::vector<Index> rows(37);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Index>(i * 17 % 50);
  rows[3] = rows[2];
  Tensor x(37, 21);
  Tensor t(37, 3);
  data.fill_batch(rows, x, t);
  bool right = true;
  for (Index i = 0; i < 37; ++i) {
    const Index sample = rows[static_cast<std::size_t>(i)];
    for (Index j = 0; j < 21; ++j)
      right = right && x(i, j) == static_cast<Scalar>((sample * 21 + j) % 256) / Scalar{255};
    CHECK(data.class_of(sample) == sample % 3);
    for (Index c = 0; c < 3; ++c) right = right && t(i, c) == (sample % 3 == c ? 1 : 0);
  }
  CHECK(right);
}

TEST_CASE("a batch holds the numbers asked for") {
  const MatrixDataset data = counting_numbers(40, 5, 2);
  CHECK(data.samples() == 40);
  CHECK(data.inputs() == 5);
  CHECK(data.targets() == 2);
  CHECK(!data.has_classes());
  CHECK(data.bytes() == 40 * 7 * sizeof(Scalar));
  const std::array<Index, 3> rows = {39, 0, 7};
  Tensor x(3, 5);
  Tensor t(3, 2);
  data.fill_batch(rows, x, t);
  for (Index i = 0; i < 3; ++i) {
    const Index sample = rows[static_cast<std::size_t>(i)];
    for (Index j = 0; j < 5; ++j) CHECK(x(i, j) == static_cast<Scalar>(sample * 5 + j));
    for (Index j = 0; j < 2; ++j) CHECK(t(i, j) == static_cast<Scalar>(-(sample * 2 + j)));
  }
  CHECK(lacking(error_of([&] { data.class_of(0); }), {"no classes"}) == "");
}

TEST_CASE("a batch of another shape or with samples that aren't there is refused") {
  const IdxDataset images = counting_images(4, 2, 2);
  const MatrixDataset numbers = counting_numbers(4, 4, 3);
  for (const colonnade::Dataset* data : {static_cast<const colonnade::Dataset*>(&images),
                                         static_cast<const colonnade::Dataset*>(&numbers)}) {
    const auto fill = [&](std::vector<Index> rows, Index inputs, Index targets) {
      Tensor x(2, inputs);
      Tensor t(2, targets);
      return error_of([&] { data->fill_batch(rows, x, t); });
    };
    CHECK(fill({3, 0}, 4, 3) == "");
    CHECK(lacking(fill({3, 4}, 4, 3), {"no such sample", "below 4", "found 4"}) == "");
    CHECK(lacking(fill({-1, 0}, 4, 3), {"no such sample", "found -1"}) == "");
    CHECK(lacking(fill({0, 1}, 5, 3), {"x [B, inputs]", "[2, 4]", "[2, 5]"}) == "");
    CHECK(lacking(fill({0, 1}, 4, 2), {"t [B, targets]", "[2, 3]", "[2, 2]"}) == "");
    CHECK(lacking(fill({0}, 4, 3), {"[1, 4]", "[2, 4]"}) == "");
  }
  CHECK(error_of([&] { images.class_of(4); }) != "");
  CHECK(error_of([&] { images.class_of(-1); }) != "");
}

TEST_CASE("images and labels that don't belong together are refused") {
  const auto join = [](IdxImages images, std::vector<std::uint8_t> labels, Index classes) {
    return error_of([&] { IdxDataset(std::move(images), std::move(labels), classes, "I", "L"); });
  };
  const IdxImages two = {2, 1, 1, {5, 6}};
  CHECK(join(two, {0, 9}, 10) == "");
  CHECK(lacking(join(two, {0}, 10), {"L doesn't belong to I", "wanted 2 labels", "found 1"}) == "");
  CHECK(lacking(join(two, {0, 10}, 10),
                {"bad label in L for sample 1", "a class below 10", "found 10"}) == "");
  CHECK(lacking(join({0, 1, 1, {}}, {}, 10), {"I holds no images"}) == "");
  CHECK(lacking(join({2, 1, 2, {5, 6}}, {0, 1}, 10), {"I holds no images"}) == "");
}

TEST_CASE("a folder in MNIST's layout is read") {
  const auto folder = temporary_folder();
  write_mnist(folder);
  const auto [train, test] = load_mnist(folder.string(), 3);
  CHECK(train->samples() == 3);
  CHECK(train->inputs() == 2);
  CHECK(train->image_rows() == 1);
  CHECK(train->image_cols() == 2);
  CHECK(train->class_of(0) == 2);
  CHECK(test->samples() == 2);
  const std::array<Index, 1> last = {1};
  Tensor x(1, 2);
  Tensor t(1, 3);
  test->fill_batch(last, x, t);
  CHECK(x(0, 1) == Scalar{'j'} / Scalar{255});
  CHECK(t(0, 1) == 1);
}

TEST_CASE("what is wrong with a folder in MNIST's layout is named") {
  const auto folder = temporary_folder();
  const auto error = [&](Index classes = 3) {
    return error_of([&] { load_mnist(folder.string(), classes); });
  };
  CHECK(lacking(error(), {"cannot open", "train-images-idx3-ubyte", "No such file", "make data"}) ==
        "");
  write_mnist(folder);
  CHECK(error() == "");
  CHECK(lacking(error(2), {"bad label in", "train-labels-idx1-ubyte for sample 0", "below 2"}) ==
        "");
  write_file(folder / "t10k-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x01"s + "\x01"s);
  CHECK(lacking(error(), {"t10k-labels-idx1-ubyte doesn't belong to", "t10k-images-idx3-ubyte",
                          "wanted 2 labels", "found 1"}) == "");
  write_mnist(folder);
  write_file(folder / "t10k-images-idx3-ubyte",
             "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x01"s + "ghij");
  CHECK(lacking(error(), {folder.string(), "wanted 1 x 2", "found 2 x 1"}) == "");
}

TEST_CASE("the digest tells samples apart") {
  const auto images = [](Index count, Index rows, std::size_t changed_pixel, std::uint8_t label) {
    IdxImages images = {count, rows, 2, {}};
    images.pixels.resize(static_cast<std::size_t>(count * rows * 2));
    images.pixels.at(changed_pixel) = 1;
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(count));
    labels.back() = label;
    return IdxDataset(std::move(images), std::move(labels), 3, "images", "labels").digest();
  };
  CHECK(images(4, 3, 5, 2) == images(4, 3, 5, 2));
  CHECK(images(4, 3, 5, 2) != images(4, 3, 6, 2));
  CHECK(images(4, 3, 5, 2) != images(4, 3, 5, 1));
  CHECK(images(4, 3, 5, 0) != images(6, 2, 5, 0));

  const auto matrices = [](Index changed_input, Index changed_target) {
    Tensor x = Tensor::zeros(3, 4);
    Tensor t = Tensor::zeros(2, 4);
    x.data()[changed_input] = 1;
    t.data()[changed_target] = 1;
    return MatrixDataset(std::move(x), std::move(t), "inputs", "targets").digest();
  };
  CHECK(matrices(5, 3) == matrices(5, 3));
  CHECK(matrices(5, 3) != matrices(6, 3));
  CHECK(matrices(5, 3) != matrices(5, 4));
}

TEST_CASE("inputs and targets are read from two matrices") {
  const auto folder = temporary_folder();
  const std::string inputs = (folder / "x.npy").string();
  const std::string targets = (folder / "y.npy").string();
  const auto error = [&] { return error_of([&] { load_matrices(inputs, targets); }); };
  Tensor x(3, 2);
  for (Index i = 0; i < 6; ++i) x.data()[i] = static_cast<Scalar>(i);
  colonnade::write_npy(inputs, x);
  CHECK(lacking(error(), {"cannot open", "y.npy"}) == "");

  colonnade::write_npy(targets, x.columns({0, 1}));
  const auto data = load_matrices(inputs, targets);
  const std::array<Index, 2> rows = {2, 0};
  Tensor batch_x(2, 2);
  Tensor batch_t(2, 1);
  data->fill_batch(rows, batch_x, batch_t);
  CHECK(batch_x(0, 0) == 2);
  CHECK(batch_x(0, 1) == 5);
  CHECK(batch_x(1, 1) == 3);
  CHECK(batch_t(0, 0) == 2);

  colonnade::write_npy(targets, Tensor::zeros(4, 1));
  CHECK(lacking(error(), {"y.npy doesn't belong to", "x.npy", "wanted 3 rows", "found 4"}) == "");
  colonnade::write_npy(targets, Tensor(3, 0));
  CHECK(lacking(error(), {"y.npy is empty", "found [3, 0]"}) == "");
  colonnade::write_npy(inputs, Tensor(0, 2));
  CHECK(lacking(error(), {"x.npy is empty", "found [0, 2]"}) == "");
}

TEST_CASE("targets of cross-entropy must be probabilities") {
  const auto error = [](double a, double b) {
    Tensor targets(2, 2);
    targets(0, 0) = 1;
    targets(1, 0) = 0;
    targets(0, 1) = static_cast<Scalar>(a);
    targets(1, 1) = static_cast<Scalar>(b);
    const MatrixDataset data(harness::random_matrix(3, 2, "x"), std::move(targets), "x", "t");
    return harness::error_of([&] { data.check_probabilities("t.npy"); });
  };
  CHECK(error(0.25, 0.75) == "");
  CHECK(error(0.25, 0.5).find("t.npy are no probabilities") != std::string::npos);
  CHECK(error(0.25, 0.5).find("found the sum 0.750000 in row 1") != std::string::npos);
  CHECK(error(1.5, -0.5).find("found -0.5") != std::string::npos);
}
