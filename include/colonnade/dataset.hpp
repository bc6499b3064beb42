// Where samples come from: batches of rows x [B, inputs] with targets t [B, targets].
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "colonnade/idx.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// Samples by number, 0 to samples() - 1. There is at least one. Every rank holds all of them, for
/// every rank needs all inputs of the batches that its group trains on.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual Index samples() const = 0;
  virtual Index inputs() const = 0;
  virtual Index targets() const = 0;

  /// Whether each sample belongs to one of targets() classes, and t is one-hot.
  virtual bool has_classes() const = 0;

  /// The class of a sample. Throws if there are no classes or no such sample.
  virtual Index class_of(Index sample) const = 0;

  /// Writes the samples numbered `rows` (B of them, in this order, repeats allowed) to x [B,
  /// inputs] and t [B, targets], both where the program reaches them. Allocates nothing. Throws on
  /// other shapes and on a number out of range.
  virtual void fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const = 0;

  /// The same for x and t in device memory.
  void fetch_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const;

  /// Memory that this rank holds for the samples.
  virtual std::size_t bytes() const = 0;

  /// A checksum of all samples in their order, wherever they were read from.
  virtual std::uint64_t digest() const = 0;
};

/// Images of IDX files with labels. Pixels stay bytes, a quarter of the memory of floats, and
/// become value / 255 when a batch is filled; an image's input row*cols+col is its pixel (row,
/// col).
class IdxDataset final : public Dataset {
 public:
  /// Throws unless there is one label for each image, each below `classes`. `images_name` and
  /// `labels_name` are what errors call the two.
  IdxDataset(IdxImages images, std::vector<std::uint8_t> labels, Index classes,
             const std::string& images_name, const std::string& labels_name);

  Index samples() const override { return images_.count; }
  Index inputs() const override { return images_.rows * images_.cols; }
  Index targets() const override { return classes_; }
  bool has_classes() const override { return true; }
  Index class_of(Index sample) const override;
  void fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const override;
  std::size_t bytes() const override { return images_.pixels.size() + labels_.size(); }
  std::uint64_t digest() const override;

  Index image_rows() const { return images_.rows; }
  Index image_cols() const { return images_.cols; }

 private:
  IdxImages images_;
  std::vector<std::uint8_t> labels_;  // [samples]
  Index classes_;
};

/// Inputs and targets that are numbers: regression.
class MatrixDataset final : public Dataset {
 public:
  /// One sample a column: inputs [D_in, n] and targets [D_out, n], so that the numbers of a sample
  /// lie together. Throws unless both have the same n, and none of the sizes is 0. The names are
  /// what errors call the two.
  MatrixDataset(Tensor inputs, Tensor targets, const std::string& inputs_name,
                const std::string& targets_name);

  Index samples() const override { return inputs_.cols(); }
  Index inputs() const override { return inputs_.rows(); }
  Index targets() const override { return targets_.rows(); }
  bool has_classes() const override { return false; }
  Index class_of(Index sample) const override;
  void fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const override;
  /// Throws unless the targets of each sample are probabilities: 0 or more, with the sum 1 up to
  /// 1e-4. `name` is what the error calls them.
  void check_probabilities(const std::string& name) const;
  std::size_t bytes() const override {
    return static_cast<std::size_t>(inputs_.size() + targets_.size()) * sizeof(Scalar);
  }
  std::uint64_t digest() const override;

 private:
  Tensor inputs_;
  Tensor targets_;
};

struct TrainAndTest {
  std::unique_ptr<IdxDataset> train;
  std::unique_ptr<IdxDataset> test;
};

/// The files of MNIST's layout in a folder: images and labels to train on, images and labels to
/// test.
std::array<std::string, 4> mnist_files(const std::string& folder);

/// Reads the four files of MNIST, or of anything else in its layout, from a folder:
/// {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte. Throws as read_idx_images and
/// IdxDataset do, and if images of the two sets differ in size.
TrainAndTest load_mnist(const std::string& folder, Index classes);

/// The same, but the two files to test alone.
std::unique_ptr<IdxDataset> load_mnist_test(const std::string& folder, Index classes);

/// Reads matrices [n, D_in] and [n, D_out] from NPY files; throws as read_npy and MatrixDataset do.
std::unique_ptr<MatrixDataset> load_matrices(const std::string& inputs_path,
                                             const std::string& targets_path);

}  // namespace colonnade::inline COLONNADE_PRECISION
