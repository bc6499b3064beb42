#include "repeated_step.hpp"

#include <utility>

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

// A step that takes a millisecond gains nothing from being launched at once.
constexpr double small_step = 1e11;  // floating-point operations

bool is_alone(const ProcessGroup& group) {
  return group.size() == 1 && !group.is_recorded() && group.observer() == nullptr;
}

std::vector<bool> zero_gradients_of(const Mlp& model) {
  std::vector<bool> zero;
  for (const Parameter* parameter : model.parameters()) zero.push_back(parameter->grad_is_zero);
  return zero;
}

}  // namespace

/// Null for steps that are not to be recorded. What is recorded has the numbers of dropout's step.
TrainingStep::Repeated* TrainingStep::repeated(ConstMatrixView x, ConstMatrixView t) {
  const bool repeats = is_alone(model_->group()) && model_->options().dropout == 0 &&
                       (data_parallel_ == nullptr || is_alone(data_parallel_->group())) &&
                       model_->step_flops(x.rows) < small_step && x.rows > 0;
  if (!repeats) return nullptr;
  for (const auto& known : repeated_) {
    if (known->x.rows() == x.rows) return known.get();
  }
  std::unique_ptr<Replay> replay = make_replay();
  if (replay == nullptr) return nullptr;
  repeated_.push_back(std::make_unique<Repeated>(x, t, std::move(replay)));
  return repeated_.back().get();
}

StepResult TrainingStep::run(Tensor x, Tensor t, std::int64_t steps_done, double factor,
                             bool stop) {
  Repeated* const step = repeated(x, t);
  if (step == nullptr) {
    begin(x.rows(), 1, steps_done);
    add(std::move(x), std::move(t), 0);
    return finish(factor, stop);
  }
  copy(x, step->x);
  copy(t, step->t);
  x = Tensor();  // the next batch may have their place
  t = Tensor();
  tell(factor, stop);
  const auto compute_all = [&] {
    begin(step->x.rows(), 1, steps_done);
    add(step->lent_x(), step->lent_t(), 0);
    compute();
  };
  // After two steps all memory is there that a third asks for. Gradients that a refused step has
  // left are zeroed at the next one's beginning, which is then not what was recorded.
  constexpr int before_recording = 2;
  std::vector<bool> grad_is_zero = zero_gradients_of(*model_);
  if (step->recorded && grad_is_zero == step->grad_is_zero) {
    rows_ = step->x.rows();
    optimizer_->set_updates(optimizer_->updates() + 1);
    step->replay->run();
    ++replays_;
  } else if (step->recorded || step->seen < before_recording) {
    compute_all();
    ++step->seen;
  } else {
    step->replay->record(compute_all);
    step->recorded = true;
    step->grad_is_zero = std::move(grad_is_zero);
  }
  return result();
}

}  // namespace colonnade::inline COLONNADE_PRECISION
