// What a model says of samples that belong to classes: the class of each, and how sure it is.
#pragma once

#include <cstdint>
#include <vector>

#include "colonnade/dataset.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/mesh.hpp"
#include "colonnade/mlp.hpp"

namespace colonnade {

struct Prediction {
  std::int64_t predicted = 0;  // the class of the largest output, the first of equals
  double score = 0;            // of that class
  double truth_score = 0;      // of the class that the sample belongs to
};

inline namespace COLONNADE_PRECISION {

/// The column of the largest output of each row, the first of equals, over all ranks of the model's
/// group; y [n, model.output().y]. output().total, which is no column, for a row with NaN in the
/// place of its largest. Collective over the group.
std::vector<std::int64_t> largest_columns(const Mlp& model, ConstMatrixView y);

/// Of every sample, on every rank the same; `batch` samples go through the model at a time. The
/// score of a class is what the loss has taught the output to be: with mean square the output
/// itself, with cross-entropy the probability, exp(y) over the sum of all exp(y). Throws an agreed
/// error if an output is not finite. Collective over the mesh.
std::vector<Prediction> predict(Mesh& mesh, const Mlp& model, LossKind loss, const Dataset& data,
                                Index batch);

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
