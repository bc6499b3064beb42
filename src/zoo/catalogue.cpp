#include "zoo/zoo.hpp"

namespace colonnade::zoo {

namespace {

using enum Mistake;
using enum NetworkKind;

// The first ten are those of the script that this project grew out of.
constexpr Mutant mutants[] = {
    {
        .mistake = derivative_at_output,
        .name = "derivative-at-output",
        .network = gather_chain,
        .right = "dZ = dY * s'(Z)",
        .wrong = "dZ = dY * s'(Y), the pre-activation was never kept",
        .unseen = "for relu both are the same, and a GELU's output has the sign of its input",
        .shows_on_one_rank = true,
    },
    {
        .mistake = other_gelu,
        .name = "other-gelu",
        .network = gather_chain,
        .right = "erf GELU forward, its own derivative backward",
        .wrong = "erf GELU forward, the tanh approximation's derivative backward",
        .unseen = "the two derivatives differ by less than a thousandth",
        .shows_on_one_rank = true,
    },
    {
        .mistake = output_for_input,
        .name = "output-for-input",
        .network = gather_chain,
        .right = "dW = X^T dZ",
        .wrong = "dW = Y^T dZ, the layer's output in the place of its input",
        .unseen = "in a square layer the shapes fit",
        .shows_on_one_rank = true,
    },
    {
        .mistake = transposed_gradient,
        .name = "transposed-gradient",
        .network = gather_chain,
        .right = "dW = X^T dZ",
        .wrong = "dW = dZ^T X, element [j, c] gets the gradient of [c, j]",
        .unseen = "in a square layer the shapes fit",
        .shows_on_one_rank = true,
    },
    {
        .mistake = sliced_along_inputs,
        .name = "sliced-along-inputs",
        .network = gather_chain,
        .right = "a rank owns columns of W and takes columns of dW",
        .wrong = "a rank owns columns of W and takes rows of dW",
        .unseen = "there are as many elements, and on one rank the slice is everything",
        .shows_on_one_rank = false,
    },
    {
        .mistake = weight_not_transposed,
        .name = "weight-not-transposed",
        .network = gather_chain,
        .right = "dX = sum over ranks of dZ_r W_r^T",
        .wrong = "dX[:, r] = dZ W_r, with all of dZ",
        .unseen = "in a square layer the shapes fit, and the result is as wide as a shard",
        .shows_on_one_rank = true,
    },
    {
        .mistake = gathered_for_summed,
        .name = "gathered-for-summed",
        .network = gather_chain,
        .right = "dX[:, r] = own columns of the sum over ranks of dZ_q W_q^T",
        .wrong = "dX[:, r] = own columns of the own dZ_r W_r^T alone",
        .unseen = "the shapes are the same, and on one rank there is nothing to add",
        .shows_on_one_rank = false,
    },
    {
        .mistake = one_seed_for_all,
        .name = "one-seed-for-all",
        .network = gather_chain,
        .right = "an initial value is a function of seed, name and place in the whole tensor",
        .wrong = "every rank and every layer draws the same numbers from seed 0",
        .unseen = "each shard by itself looks random",
        .shows_on_one_rank = true,
    },
    {
        .mistake = local_width_scale,
        .name = "local-width-scale",
        .network = gather_chain,
        .right = "initial weights of size 1 / sqrt(k), k all inputs of the layer",
        .wrong = "initial weights of size 1 / sqrt(k / P): another model for each number of ranks",
        .unseen = "the loss begins somewhere else, and nobody knows where it should",
        .shows_on_one_rank = false,
    },
    {
        .mistake = work_for_nothing,
        .name = "work-for-nothing",
        .network = gather_chain,
        .right = "own columns of dW from own columns of dZ; no dX of the data",
        .wrong =
            "all of dW on every rank, of which 1 / P is kept, and layer 0's dX, summed over ranks",
        .unseen = "every number is right: it is only slow",
        .shows_on_one_rank = true,
    },
    {
        .mistake = mean_for_sum,
        .name = "mean-for-sum",
        .network = gather_chain,
        .right = "dX = sum over ranks of dZ_r W_r^T",
        .wrong = "dX = the mean over ranks",
        .unseen = "AdamW hardly sees the scale of a gradient, and data parallelism wants a mean",
        .shows_on_one_rank = false,
    },
    {
        .mistake = complete_summed,
        .name = "complete-summed",
        .network = gather_chain,
        .right = "dW_r = X^T dZ_r is complete: nothing to sum",
        .wrong = "dW_r all-reduced: gradients of unrelated columns are added up",
        .unseen = "data parallelism sums every dW, and on one rank a sum changes nothing",
        .shows_on_one_rank = false,
    },
    {
        .mistake = bias_before_sum,
        .name = "bias-before-sum",
        .network = pair_and_head,
        .right = "Z = (sum over ranks of H_r W_r) + b",
        .wrong = "Z = sum over ranks of (H_r W_r + b): the bias counts P times",
        .unseen = "biases begin at 0, and the rest of the network learns to live with it",
        .shows_on_one_rank = false,
    },
    {
        .mistake = same_seed_on_ranks,
        .name = "same-seed-on-ranks",
        .network = gather_chain,
        .right = "rank r draws its own columns of the whole W",
        .wrong = "every rank draws the first shard: W is P equal blocks",
        .unseen = "layers differ, and seeding all ranks alike is right for what they replicate",
        .shows_on_one_rank = false,
    },
    {
        .mistake = local_class_count,
        .name = "local-class-count",
        .network = pair_and_head,
        .right = "label smoothing: q = (1 - e) t + e / V, V all classes",
        .wrong = "label smoothing: e / V with the V of this rank's shard",
        .unseen = "the width of the matrix at hand is V as long as one rank has all",
        .shows_on_one_rank = false,
    },
    {
        .mistake = replicas_in_norm,
        .name = "replicas-in-norm",
        .network = pair_and_head,
        .right = "|g|^2 counts a replicated parameter once",
        .wrong = "|g|^2 counts a replicated parameter on every rank: P times",
        .unseen = "the norm is only a little too large, and so clipping a little too strong",
        .shows_on_one_rank = false,
    },
    {
        .mistake = local_norm,
        .name = "local-norm",
        .network = pair_and_head,
        .right = "|g|^2 = sum over ranks, and all clip by the same factor",
        .wrong = "each rank clips by the norm of its own shards: copies drift apart",
        .unseen = "the loss hardly notices",
        .shows_on_one_rank = false,
    },
    {
        .mistake = mean_of_means,
        .name = "mean-of-means",
        .network = model_copies,
        .right = "the sum over all rows, divided by all rows",
        .wrong = "the mean over the rows of each copy, and the mean of these",
        .unseen = "it is the same wherever copies have equally many rows",
        .shows_on_one_rank = false,
    },
    {
        .mistake = missing_gather,
        .name = "missing-gather",
        .network = gather_chain,
        .right = "Y_0 = all-gather of the ranks' columns",
        .wrong = "layer 0 is not gathered: the others' columns of Y_0 are 0 on each rank",
        .unseen = "the output is gathered, so that all ranks agree on it",
        .shows_on_one_rank = false,
    },
    {
        .mistake = missing_sum,
        .name = "missing-sum",
        .network = pair_and_head,
        .right = "dY = sum over ranks of dl_r W_r^T",
        .wrong = "dY is not summed: each rank goes down with its own summand",
        .unseen = "the forward pass needs no message there, so none is missed",
        .shows_on_one_rank = false,
    },
    {
        .mistake = unsummed_copies,
        .name = "unsummed-copies",
        .network = model_copies,
        .right = "dW = sum over the copies",
        .wrong = "each copy updates by the gradient of its own rows: copies drift apart",
        .unseen = "each copy learns, and one of them prints the loss",
        .shows_on_one_rank = false,
    },
    {
        .mistake = stale_cache,
        .name = "stale-cache",
        .network = gather_chain,
        .right = "backward uses what its own forward returned",
        .wrong = "backward uses activations that an earlier batch's forward left in the layers",
        .unseen = "the shapes are the same, and so is the size of the numbers",
        .shows_on_one_rank = true,
    },
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
