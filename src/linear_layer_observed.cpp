// What a linear layer tells an Observer. All of it follows from the block of W that the rank owns:
// its rows are the columns of X and dX, its columns those of Z and dZ, and what a product sums over
// is complete where the block has all of it.
#include <string>
#include <vector>

#include "colonnade/linear_layer.hpp"
#include "observed.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

Partial partial_unless(bool complete) {
  return complete ? Partial::no : Partial::sum;
}

/// `dropout(gelu(Z + b))`, of what there is.
std::string activated(const LinearLayer::Options& options) {
  std::string text = options.bias ? "Z + b" : "Z";
  if (options.activation != Activation::identity) {
    text = (options.activation == Activation::relu ? "relu(" : "gelu(") + text + ")";
  }
  return options.dropout > 0 ? "dropout(" + text + ")" : text;
}

}  // namespace

void LinearLayer::tell(std::string_view equation,
                       const std::vector<ObservedMatrix>& matrices) const {
  group_->observer()->computed(options_.name, group_->phase(), equation, matrices);
}

void LinearLayer::tell_product(ConstMatrixView x, ConstMatrixView z) const {
  if (group_->observer() == nullptr) return;
  const bool complete = weight_.owned_rows.size() == options_.in;
  tell("Z = X W", {observed_columns("X", x, weight_.owned_rows.begin, options_.in),
                   observed_block("W", weight_, weight_.value),
                   result(observed_columns("Z", z, weight_.owned_cols.begin, options_.out),
                          partial_unless(complete))});
}

void LinearLayer::tell_input_gradient(ConstMatrixView dz, ConstMatrixView dx) const {
  if (group_->observer() == nullptr) return;
  const bool complete = weight_.owned_cols.size() == options_.out;
  tell("dX = dZ Wᵀ", {observed_columns("dZ", dz, weight_.owned_cols.begin, options_.out),
                      observed_block("W", weight_, weight_.value),
                      result(observed_columns("dX", dx, weight_.owned_rows.begin, options_.in),
                             partial_unless(complete))});
}

void LinearLayer::tell_weight_gradient(ConstMatrixView x, ConstMatrixView dz) const {
  if (group_->observer() == nullptr) return;
  tell("dW += Xᵀ dZ", {observed_columns("X", x, weight_.owned_rows.begin, options_.in),
                       observed_columns("dZ", dz, weight_.owned_cols.begin, options_.out),
                       observed_gradient("dW", weight_)});
}

void LinearLayer::tell_activation(ConstMatrixView z, ConstMatrixView y, ConstMatrixView derivative,
                                  Index first_col) const {
  if (group_->observer() == nullptr) return;
  std::vector<ObservedMatrix> seen = {observed_columns("Z", z, first_col, options_.out)};
  if (has_bias()) seen.push_back(observed_block("b", bias_, bias_.value));
  seen.push_back(result(observed_columns("Y", y, first_col, options_.out)));
  if (!derivative_is_one())
    seen.push_back(result(observed_columns("s′", derivative, first_col, options_.out)));
  tell("Y = " + activated(options_), seen);
}

void LinearLayer::tell_activation_gradient(ConstMatrixView dy, ConstMatrixView derivative,
                                           ConstMatrixView dz, Index first_col) const {
  if (group_->observer() == nullptr) return;
  std::vector<ObservedMatrix> seen = {observed_columns("dY", dy, first_col, options_.out)};
  std::string equation = "dZ = dY";
  if (!derivative_is_one()) {
    equation += " ∘ s′";
    seen.push_back(observed_columns("s′", derivative, first_col, options_.out));
  }
  seen.push_back(result(observed_columns("dZ", dz, first_col, options_.out)));
  if (has_bias()) {
    equation += ",  db += 1ᵀ dZ";
    seen.push_back(observed_gradient("db", bias_));
  }
  tell(equation, seen);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
