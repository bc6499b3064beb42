// What a training step tells the Observer of a group, if there is one, beside its layers, its loss
// and its optimizer.
#pragma once

#include <span>

#include "colonnade/mlp.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// The sum over this copy's rows, before the copies add theirs up.
void tell_loss_part(const ProcessGroup& group, const double& sum);

void tell_loss(const ProcessGroup& group, double sum, double mean);

/// Of the micro-batches, in exact mode.
void tell_gradient_sums(const Mlp& model);

/// `in_runs`: each copy has squared the run of the gradients that it updates.
void tell_squares(const ProcessGroup& group, std::span<const double> squares, bool in_runs);

void tell_norm(const ProcessGroup& group, std::span<const double> squares, double norm);

}  // namespace colonnade::inline COLONNADE_PRECISION
