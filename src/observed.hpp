// Matrices of a step as an Observer is told of them.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "colonnade/observer.hpp"
#include "colonnade/parameter.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade {

/// A few numbers that are no tensor: [1, n], the same cut on all ranks.
inline ObservedMatrix observed_numbers(std::string_view name, std::span<const double> numbers) {
  const Index n = static_cast<Index>(numbers.size());
  return {.name = name,
          .rows = 1,
          .cols = n,
          .own_rows = {0, 1},
          .own_cols = {0, n},
          .run = {0, n},
          .data = numbers.data()};
}

/// Of each sample `numbers.size() / rows` numbers, column by column.
inline ObservedMatrix observed_of_samples(std::string_view name, std::span<const double> numbers,
                                          Index rows) {
  ObservedMatrix seen = observed_numbers(name, numbers);
  seen.rows = rows;
  seen.cols = seen.own_cols.end = rows == 0 ? 0 : static_cast<Index>(numbers.size()) / rows;
  seen.own_rows = {0, rows};
  seen.kind = ObservedMatrix::Rows::samples;
  return seen;
}

inline ObservedMatrix result(ObservedMatrix matrix, Partial partial = Partial::no) {
  matrix.is_result = true;
  matrix.partial = partial;
  return matrix;
}

inline namespace COLONNADE_PRECISION {

/// Some columns, from `first_col` on, of a matrix that has `width` of them and a row for each
/// sample.
inline ObservedMatrix observed_columns(std::string_view name, ConstMatrixView view, Index first_col,
                                       Index width) {
  return {.name = name,
          .rows = view.rows,
          .cols = width,
          .own_rows = {0, view.rows},
          .own_cols = {first_col, first_col + view.cols},
          .run = {0, view.size()},
          .data = view.data,
          .type = data_type<Scalar>(),
          .kind = ObservedMatrix::Rows::samples};
}

/// Elements of the parameter's block, from number `first` on: its values, gradients or moments.
inline ObservedMatrix observed_block(std::string_view name, const Parameter& parameter,
                                     ConstMatrixView view, Index first = 0) {
  return {.name = name,
          .rows = parameter.rows,
          .cols = parameter.cols,
          .own_rows = parameter.owned_rows,
          .own_cols = parameter.owned_cols,
          .run = {first, first + view.size()},
          .data = view.data,
          .type = data_type<Scalar>()};
}

/// What backward has added to its gradient.
inline ObservedMatrix observed_gradient(std::string_view name, const Parameter& parameter) {
  ObservedMatrix seen = result(observed_block(name, parameter, parameter.grad));
  seen.kind = ObservedMatrix::Rows::summed;
  return seen;
}

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
