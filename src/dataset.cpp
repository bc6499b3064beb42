#include "colonnade/dataset.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "colonnade/checksum.hpp"
#include "colonnade/npy.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

void check_batch(const Dataset& dataset, std::span<const Index> rows, MatrixView x, MatrixView t) {
  const Index batch = static_cast<Index>(rows.size());
  check_shape(x, batch, dataset.inputs(), "x [B, inputs]");
  check_shape(t, batch, dataset.targets(), "t [B, targets]");
  for (const Index row : rows) {
    if (row >= 0 && row < dataset.samples()) continue;
    throw Error("no such sample", {.wanted = "a number below " + std::to_string(dataset.samples()),
                                   .found = std::to_string(row)});
  }
}

// value / 255 of every byte: looking it up is more than twice as fast as converting and dividing.
constexpr std::array<Scalar, 256> grey = [] {
  std::array<Scalar, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<Scalar>(i) / Scalar{255};
  return table;
}();

// Gathers samples, of which each lies together in memory, into the rows of a column-major matrix:
// as many samples at a time as fill a cache line of the result. Going down whole columns instead
// would touch every sample anew for each of them.
template <class Stored, class Convert>
void gather_rows(const Stored* samples, std::span<const Index> rows, MatrixView to,
                 Convert convert) {
  constexpr Index line = 64 / sizeof(Scalar);
  const Stored* from[line];
  const auto gather = [&](Index first, Index count) {
    for (Index i = 0; i < count; ++i)
      from[i] = samples + rows[static_cast<std::size_t>(first + i)] * to.cols;
    for (Index j = 0; j < to.cols; ++j) {
      Scalar* const column = to.data + j * to.rows + first;
      for (Index i = 0; i < count; ++i) column[i] = convert(from[i][j]);
    }
  };
  const Index whole_lines = to.rows / line * line;
  for (Index first = 0; first < whole_lines; first += line) gather(first, line);
  gather(whole_lines, to.rows - whole_lines);
}

/// Of eight bytes at a time, which is as many times faster; the last are filled up with zeros.
std::uint64_t checksum_of_bytes(std::span<const std::uint8_t> bytes) {
  std::array<double, 512> words;  // NOLINT: written before it is read
  std::uint64_t sum = checksum(std::to_string(bytes.size()));
  for (std::size_t done = 0; done < bytes.size(); done += sizeof words) {
    const auto part = bytes.subspan(done, std::min(sizeof words, bytes.size() - done));
    if (part.size() < sizeof words) words.fill(0);
    std::memcpy(words.data(), part.data(), part.size());
    const std::size_t count = (part.size() + sizeof(double) - 1) / sizeof(double);
    sum += checksum(std::span<const double>(words).first(count),
                    static_cast<Index>(done / sizeof(double)));
  }
  return sum;
}

/// One number of the parts of a data set and of its shape.
std::uint64_t digest_of(const std::string& shape, std::uint64_t inputs, std::uint64_t targets) {
  return checksum(shape + " " + checksum_text(inputs) + " " + checksum_text(targets));
}

}  // namespace

void Dataset::fetch_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const {
  write_from_host(x, [&](MatrixView x_here) {
    write_from_host(t, [&](MatrixView t_here) { fill_batch(rows, x_here, t_here); });
  });
}

IdxDataset::IdxDataset(IdxImages images, std::vector<std::uint8_t> labels, Index classes,
                       const std::string& images_name, const std::string& labels_name)
    : images_(std::move(images)), labels_(std::move(labels)), classes_(classes) {
  const Index label_count = static_cast<Index>(labels_.size());
  if (images_.count < 1 || inputs() < 1 ||
      static_cast<Index>(images_.pixels.size()) != images_.count * inputs()) {
    throw Error(images_name + " holds no images",
                {.wanted = "at least one, of at least one pixel",
                 .found = std::to_string(images_.pixels.size()) + " bytes"});
  }
  if (label_count != images_.count) {
    throw Error(labels_name + " doesn't belong to " + images_name,
                {.wanted = std::to_string(images_.count) + " labels, one for each image",
                 .found = std::to_string(label_count)});
  }
  for (Index i = 0; i < label_count; ++i) {
    const Index label = labels_[static_cast<std::size_t>(i)];
    if (label < classes) continue;
    throw Error(
        "bad label in " + labels_name + " for sample " + std::to_string(i) + ", counted from 0",
        {.wanted = "a class below " + std::to_string(classes) + ", the number of outputs",
         .found = std::to_string(label)});
  }
}

Index IdxDataset::class_of(Index sample) const {
  if (sample < 0 || sample >= samples()) {
    throw Error("no such sample", {.wanted = "a number below " + std::to_string(samples()),
                                   .found = std::to_string(sample)});
  }
  return labels_[static_cast<std::size_t>(sample)];
}

void IdxDataset::fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const {
  check_batch(*this, rows, x, t);
  gather_rows(images_.pixels.data(), rows, x, [](std::uint8_t pixel) { return grey[pixel]; });
  std::fill_n(t.data, t.size(), Scalar{0});
  for (Index i = 0; i < t.rows; ++i) {
    const std::size_t sample = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]);
    t.data[labels_[sample] * t.rows + i] = 1;
  }
}

std::uint64_t IdxDataset::digest() const {
  const std::string shape = std::to_string(samples()) + " images " + std::to_string(image_rows()) +
                            "x" + std::to_string(image_cols());
  return digest_of(shape, checksum_of_bytes(images_.pixels), checksum_of_bytes(labels_));
}

MatrixDataset::MatrixDataset(Tensor inputs, Tensor targets, const std::string& inputs_name,
                             const std::string& targets_name)
    : inputs_(std::move(inputs)), targets_(std::move(targets)) {
  const auto check_not_empty = [](const Tensor& matrix, const std::string& name) {
    if (!matrix.empty()) return;
    throw Error(name + " is empty", {.wanted = "at least one sample and one column",
                                     .found = "[" + std::to_string(matrix.cols()) + ", " +
                                              std::to_string(matrix.rows()) + "]"});
  };
  check_not_empty(inputs_, inputs_name);
  check_not_empty(targets_, targets_name);
  if (targets_.cols() == inputs_.cols()) return;
  throw Error(targets_name + " doesn't belong to " + inputs_name,
              {.wanted = std::to_string(inputs_.cols()) + " rows, one for each row of the inputs",
               .found = std::to_string(targets_.cols())});
}

Index MatrixDataset::class_of(Index) const {
  throw Error("a data set of matrices has no classes",
              {.wanted = "images with labels", .found = "inputs with targets"});
}

void MatrixDataset::fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const {
  check_batch(*this, rows, x, t);
  const auto as_it_is = [](Scalar value) { return value; };
  gather_rows(inputs_.data(), rows, x, as_it_is);
  gather_rows(targets_.data(), rows, t, as_it_is);
}

std::uint64_t MatrixDataset::digest() const {
  const auto sum = [](const Tensor& matrix) {
    return checksum(std::span(matrix.data(), static_cast<std::size_t>(matrix.size())));
  };
  const std::string shape = std::to_string(samples()) + " samples of " + std::to_string(inputs()) +
                            " and " + std::to_string(targets());
  return digest_of(shape, sum(inputs_), sum(targets_));
}

void MatrixDataset::check_probabilities(const std::string& name) const {
  for (Index sample = 0; sample < samples(); ++sample) {
    double sum = 0, smallest = 0;
    for (Index j = 0; j < targets(); ++j) {
      sum += double{targets_(j, sample)};
      smallest = std::min(smallest, double{targets_(j, sample)});
    }
    if (smallest >= 0 && std::abs(sum - 1) <= 1e-4) continue;
    throw Error("the targets in " + name + " are no probabilities, which cross-entropy needs",
                {.wanted = "rows of numbers from 0 on with the sum 1",
                 .found = smallest < 0 ? std::to_string(smallest) + " in row " +
                                             std::to_string(sample) + ", counted from 0"
                                       : "the sum " + std::to_string(sum) + " in row " +
                                             std::to_string(sample) + ", counted from 0"});
  }
}

std::array<std::string, 4> mnist_files(const std::string& folder) {
  return {folder + "/train-images-idx3-ubyte", folder + "/train-labels-idx1-ubyte",
          folder + "/t10k-images-idx3-ubyte", folder + "/t10k-labels-idx1-ubyte"};
}

namespace {

std::unique_ptr<IdxDataset> load_images(const std::string& images, const std::string& labels,
                                        Index classes) {
  const char* const hint = "run 'make data' to fetch MNIST";
  IdxImages pixels = read_idx_images(File::open(images, hint));
  std::vector<std::uint8_t> classes_of_images = read_idx_labels(File::open(labels, hint));
  return std::make_unique<IdxDataset>(std::move(pixels), std::move(classes_of_images), classes,
                                      images, labels);
}

}  // namespace

TrainAndTest load_mnist(const std::string& folder, Index classes) {
  TrainAndTest sets;
  const auto [train_images, train_labels, test_images, test_labels] = mnist_files(folder);
  sets.train = load_images(train_images, train_labels, classes);
  sets.test = load_images(test_images, test_labels, classes);
  const auto size_text = [](const IdxDataset& set) {
    return std::to_string(set.image_rows()) + " x " + std::to_string(set.image_cols());
  };
  if (size_text(*sets.train) != size_text(*sets.test)) {
    throw Error("test images in " + folder + " have another size than its training images",
                {.wanted = size_text(*sets.train), .found = size_text(*sets.test)});
  }
  return sets;
}

std::unique_ptr<IdxDataset> load_mnist_test(const std::string& folder, Index classes) {
  const auto files = mnist_files(folder);
  return load_images(files[2], files[3], classes);
}

std::unique_ptr<MatrixDataset> load_matrices(const std::string& inputs_path,
                                             const std::string& targets_path) {
  return std::make_unique<MatrixDataset>(read_npy_transposed(inputs_path),
                                         read_npy_transposed(targets_path), inputs_path,
                                         targets_path);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
