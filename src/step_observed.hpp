// What a training step tells an Observer beside its layers, its loss and its optimizer.
#pragma once

#include <span>

#include "colonnade/mlp.hpp"
#include "colonnade/observer.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// The sum over this copy's rows, before the copies add theirs up.
void tell_loss_part(Observer& observer, const double& sum);

void tell_loss(Observer& observer, double sum, double mean);

/// Of the micro-batches, in exact mode.
void tell_gradient_sums(Observer& observer, const Mlp& model);

/// `in_runs`: each copy has squared the run of the gradients that it updates.
void tell_squares(Observer& observer, std::span<const double> squares, bool in_runs);

void tell_norm(Observer& observer, std::span<const double> squares, double norm);

}  // namespace colonnade::inline COLONNADE_PRECISION
