#include "repeated_step.hpp"

#include <utility>

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Floating-point operations that take a large GPU about a millisecond. A longer step gains nothing
/// from being launched at once.
double small_step() {
  switch (math()) {
    case Math::fp32:
      return 5e10;
    case Math::tf32:
      return 4e11;
    case Math::bf16:
      return 8e11;
  }
  return 0;
}

std::vector<bool> zero_gradients_of(const Mlp& model) {
  std::vector<bool> zero;
  for (const Parameter* parameter : model.parameters()) zero.push_back(parameter->grad_is_zero);
  return zero;
}

}  // namespace

void GroupUse::close() {
  memory_.close();
  const std::vector<Account> before = std::exchange(calls_, so_far());
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::size_t kind = 0; kind < collective_count; ++kind) {
      Traffic& own = calls_[i].traffic[kind];
      own = own - before[i].traffic[kind];
    }
  }
}

// All ranks must answer alike: NCCL wants that a collective is recorded on all of them or on none.
// It warns of graphs in which two of its communicators take part; so only one of the groups may
// have more than one rank.
bool TrainingStep::is_repeatable(Index rows, BatchPart part) const {
  const ProcessGroup& tp = model_->group();
  const ProcessGroup* const dp = data_parallel_ != nullptr ? &data_parallel_->group() : nullptr;
  const int copies = dp != nullptr ? dp->size() : 1;
  return tp.is_replayable() && (dp == nullptr || dp->is_replayable()) &&
         (tp.size() == 1 || copies == 1) && part.rows > 0 && rows * copies == part.rows &&
         model_->step_flops(part.rows) / (tp.size() * copies) < small_step();
}

/// Null for steps that are not to be recorded.
TrainingStep::Repeated* TrainingStep::repeated(ConstMatrixView x, ConstMatrixView t,
                                               BatchPart part) {
  if (!is_repeatable(x.rows, part)) return nullptr;
  for (const auto& known : repeated_) {
    if (known->x.rows() == x.rows && known->part == part && known->math_of_products == math()) {
      return known.get();
    }
  }
  std::unique_ptr<Replay> replay = make_replay();
  if (replay == nullptr) return nullptr;
  // A run has batches of two sizes. Who has many would fill the GPU with steps that never return.
  constexpr std::size_t most_shapes = 4;
  if (repeated_.size() == most_shapes) repeated_.erase(repeated_.begin());
  repeated_.push_back(std::make_unique<Repeated>(x, t, part, std::move(replay)));
  return repeated_.back().get();
}

StepResult TrainingStep::run(Tensor x, Tensor t, BatchPart part, std::int64_t steps_done,
                             double factor, bool stop) {
  Repeated* const step = repeated(x, t, part);
  if (step == nullptr) {
    begin(part.rows, 1, steps_done);
    add(std::move(x), std::move(t), part.first_row);
    return finish(factor, stop);
  }
  copy(x, step->x);
  copy(t, step->t);
  x = Tensor();  // the next batch may have their place
  t = Tensor();
  tell(factor, stop);
  if (model_->options().dropout > 0) tell_steps_done(static_cast<std::uint64_t>(steps_done));
  repeat(*step, [&] {
    begin(part.rows, 1, steps_done);
    told_steps_done_ = steps_done_there_.span().data();
    add(step->lent_x(), step->lent_t(), part.first_row);
    compute();
  });
  return result();
}

void TrainingStep::tell_steps_done(std::uint64_t steps) {
  if (steps_done_there_.span().empty()) steps_done_there_ = DeviceArray<std::uint64_t>(1);
  steps_done_there_.set({&steps, 1});
}

void TrainingStep::repeat(Repeated& step, const std::function<void()>& compute_all) {
  // What is done once, such as to choose how a product is computed or to make ranks known to NCCL,
  // is done then. Gradients that a refused step has left are zeroed at the next one's beginning,
  // which is then not what was recorded.
  constexpr int before_recording = 2;
  std::vector<bool> grad_is_zero = zero_gradients_of(*model_);
  if (step.recorded && grad_is_zero == step.grad_is_zero) {
    rows_ = step.part.rows;
    optimizer_->set_updates(optimizer_->updates() + 1);
    step.replay->run();
    for (GroupUse& use : step.uses) use.count_again();
    ++replays_;
  } else if (step.recorded || step.seen < before_recording) {
    compute_all();
    ++step.seen;
  } else {
    std::list<GroupUse> uses;  // gone again if it throws
    uses.emplace_back(model_->group());
    if (data_parallel_ != nullptr) uses.emplace_back(data_parallel_->group());
    step.replay->record(compute_all);
    for (GroupUse& use : uses) use.close();
    step.uses = std::move(uses);
    step.recorded = true;
    step.grad_is_zero = std::move(grad_is_zero);
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
