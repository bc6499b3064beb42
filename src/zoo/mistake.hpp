// The mistakes that can be planted in the networks of the zoo, in the order of docs/math.md. What
// each of them is, in words, stands in src/zoo/catalogue.cpp.
#pragma once

namespace colonnade::zoo {

enum class Mistake {
  none,
  derivative_at_output,
  other_gelu,
  output_for_input,
  transposed_gradient,
  sliced_along_inputs,
  weight_not_transposed,
  gathered_for_summed,
  one_seed_for_all,
  local_width_scale,
  work_for_nothing,
  mean_for_sum,
  complete_summed,
  bias_before_sum,
  same_seed_on_ranks,
  local_class_count,
  replicas_in_norm,
  local_norm,
  mean_of_means,
  missing_gather,
  missing_sum,
  unsummed_copies,
  stale_cache,
};

}  // namespace colonnade::zoo
