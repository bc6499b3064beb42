#include "zoo/zoo.hpp"

namespace colonnade::zoo {

namespace {

using enum Mistake;
using enum NetworkKind;

constexpr bool on_one_rank = true, on_several = false;

// The first ten are those of the script that this project grew out of.
constexpr Mutant mutants[] = {
    {derivative_at_output, "derivative-at-output", gather_chain, "dZ = dY * s'(Z)",
     "dZ = dY * s'(Y), the pre-activation was never kept",
     "for relu both are the same, and a GELU's output has the sign of its input", on_one_rank},
    {other_gelu, "other-gelu", gather_chain, "erf GELU forward, its own derivative backward",
     "erf GELU forward, the tanh approximation's derivative backward",
     "the two derivatives differ by less than a thousandth", on_one_rank},
    {output_for_input, "output-for-input", gather_chain, "dW = X^T dZ",
     "dW = Y^T dZ, the layer's output in the place of its input",
     "in a square layer the shapes fit", on_one_rank},
    {transposed_gradient, "transposed-gradient", gather_chain, "dW = X^T dZ",
     "dW = dZ^T X, element [j, c] gets the gradient of [c, j]", "in a square layer the shapes fit",
     on_one_rank},
    {sliced_along_inputs, "sliced-along-inputs", gather_chain,
     "a rank owns columns of W and takes columns of dW",
     "a rank owns columns of W and takes rows of dW",
     "there are as many elements, and on one rank the slice is everything", on_several},
    {weight_not_transposed, "weight-not-transposed", gather_chain,
     "dX = sum over ranks of dZ_r W_r^T", "dX[:, r] = dZ W_r, with all of dZ",
     "in a square layer the shapes fit, and the result is as wide as a shard", on_one_rank},
    {gathered_for_summed, "gathered-for-summed", gather_chain,
     "dX[:, r] = own columns of the sum over ranks of dZ_q W_q^T",
     "dX[:, r] = own columns of the own dZ_r W_r^T alone",
     "the shapes are the same, and on one rank there is nothing to add", on_several},
    {one_seed_for_all, "one-seed-for-all", gather_chain,
     "an initial value is a function of seed, name and place in the whole tensor",
     "every rank and every layer draws the same numbers from seed 0",
     "each shard by itself looks random", on_one_rank},
    {local_width_scale, "local-width-scale", gather_chain,
     "initial weights of size 1 / sqrt(k), k all inputs of the layer",
     "1 / sqrt(k / P): another model for each number of ranks",
     "the loss begins somewhere else, and nobody knows where it should", on_several},
    {work_for_nothing, "work-for-nothing", gather_chain,
     "own columns of dW from own columns of dZ; no dX of the data",
     "all of dW on every rank, of which 1 / P is kept, and layer 0's dX, summed over ranks",
     "every number is right: it is only slow", on_one_rank},
    {mean_for_sum, "mean-for-sum", gather_chain, "dX = sum over ranks of dZ_r W_r^T",
     "dX = the mean over ranks",
     "AdamW hardly sees the scale of a gradient, and data parallelism wants a mean", on_several},
    {complete_summed, "complete-summed", gather_chain,
     "dW_r = X^T dZ_r is complete: nothing to sum",
     "dW_r all-reduced: gradients of unrelated columns are added up",
     "data parallelism sums every dW, and on one rank a sum changes nothing", on_several},
    {bias_before_sum, "bias-before-sum", pair_and_head, "Z = (sum over ranks of H_r W_r) + b",
     "Z = sum over ranks of (H_r W_r + b): the bias counts P times",
     "biases begin at 0, and the rest of the network learns to live with it", on_several},
    {same_seed_on_ranks, "same-seed-on-ranks", gather_chain,
     "rank r draws its own columns of the whole W",
     "every rank draws the first shard: W is P equal blocks",
     "layers differ, and seeding all ranks alike is right for what they replicate", on_several},
    {local_class_count, "local-class-count", pair_and_head,
     "label smoothing: q = (1 - e) t + e / V, V all classes",
     "e / V with the V of this rank's shard of the logits",
     "the width of the matrix at hand is V as long as one rank has all", on_several},
    {replicas_in_norm, "replicas-in-norm", pair_and_head,
     "|g|^2 counts a replicated parameter once", "every rank adds its copy: P times",
     "the norm is only a little too large, and so clipping a little too strong", on_several},
    {local_norm, "local-norm", pair_and_head,
     "|g|^2 = sum over ranks, and all clip by the same factor",
     "each rank clips by the norm of its own shards: copies drift apart", "the loss hardly notices",
     on_several},
    {mean_of_means, "mean-of-means", model_copies, "the sum over all rows, divided by all rows",
     "each copy's mean over its rows, and the mean of these",
     "it is the same wherever copies have equally many rows", on_several},
    {missing_gather, "missing-gather", gather_chain, "Y_0 = all-gather of the ranks' columns",
     "layer 0 is not gathered: the others' columns of Y_0 are 0 on each rank",
     "the output is gathered, so that all ranks agree on it", on_several},
    {missing_sum, "missing-sum", pair_and_head, "dY = sum over ranks of dl_r W_r^T",
     "each rank goes down with its own summand",
     "the forward pass needs no message there, so none is missed", on_several},
    {unsummed_copies, "unsummed-copies", model_copies, "dW = sum over the copies",
     "each copy updates by the gradient of its own rows: copies drift apart",
     "each copy learns, and one of them prints the loss", on_several},
    {stale_cache, "stale-cache", gather_chain, "backward uses what its own forward returned",
     "backward uses activations that an earlier batch's forward left in the layers",
     "the shapes are the same, and so is the size of the numbers", on_one_rank},
};

}  // namespace

std::span<const Mutant> catalogue() {
  return mutants;
}

const Mutant* find_mutant(std::string_view name) {
  for (const Mutant& mutant : mutants)
    if (mutant.name == name) return &mutant;
  return nullptr;
}

const char* to_string(NetworkKind network) {
  switch (network) {
    case gather_chain:
      return "gather_chain";
    case pair_and_head:
      return "pair_and_head";
    case model_copies:
      return "model_copies";
  }
  return "";
}

}  // namespace colonnade::zoo
