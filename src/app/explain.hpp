// The parts of `colonnade explain`: a step that is watched, held to a step on one rank, and told.
#pragma once

#include <string>

#include "app/story.hpp"
#include "colonnade/optimizer.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// Of the step that is told: so large that what an update changes is seen among three decimals.
inline constexpr AdamWOptions story_adamw = {.learning_rate = 0.05, .weight_decay = 0.1};

/// Goes through one step of the job on sample data and tells what happened, on every rank. Throws,
/// the same on all, if what the ranks sent, pair by pair or in all, is not what their groups
/// counted or the plan predicts. Collective.
Story watch_step(ProcessGroup& world, const Job& job, const TrainerOptions& trainer);

/// What differs at most between sums of the same numbers in another order, of the largest of them.
double rounding_of_sums();

/// `Widths 4,6,4; layout gather; ...`
std::string facts_of(const Story& story);

std::string explain_as_text(const Story& story);

/// One page that needs nothing else, and no network. `verdict` is a sentence on what was checked.
std::string explain_as_page(const Story& story, const std::string& verdict);

}  // namespace colonnade::app
