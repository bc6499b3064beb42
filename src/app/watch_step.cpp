#include <limits>
#include <numeric>
#include <utility>

#include "app/explain.hpp"
#include "app/job.hpp"
#include "app/step_recorder.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "sample_job.hpp"

namespace colonnade::app {

namespace {

/// Zero, as biases begin, would show nothing.
void fill_biases(Mlp& model) {
  for (Parameter* parameter : model.parameters())
    if (parameter->is_bias) fill_normal(*parameter, model.options().seed, 0.5);
}

void run_step(TrainingJob& job, const TrainerOptions& trainer, std::span<const Range> parts) {
  Mlp& model = job.model();
  const MatrixDataset data = sample_dataset(job.job(), trainer.batch, trainer.seed);
  TrainingStep step(model, job.loss(), job.optimizer(), job.data_parallel(),
                    {.clip = job.job().clip, .judge_gradients = true});
  step.begin(trainer.batch, std::ssize(parts));
  for (const Range rows : parts) {
    std::vector<Index> samples(static_cast<std::size_t>(rows.size()));
    std::iota(samples.begin(), samples.end(), rows.begin);
    Tensor x(rows.size(), data.inputs(), model.memory());
    Tensor t(rows.size(), data.targets(), model.memory());
    data.fetch_batch(samples, x, t);
    step.add(std::move(x), std::move(t), rows.begin);
  }
  step.finish();
}

void check_traffic(const Story& story, int rank, const std::vector<LedgerLine>& other,
                   const std::string& whose) {
  if (same_traffic(traffic_of(story, rank), other)) return;
  throw Error("the bytes that are told are not those that " + whose);
}

/// Who sends what to whom must add up to what each sends.
void check_pairs(const Story& story) {
  for (const StoryStep& step : story.steps) {
    if (!step.call) continue;
    std::vector<Index> sent(story.ranks.size());
    for (const Transfer& transfer : step.call->transfers)
      sent[static_cast<std::size_t>(transfer.from)] += transfer.bytes;
    if (sent != step.call->bytes_sent)
      throw Error("the bytes between pairs of ranks are not those that the ranks send: " +
                  step.site + " " + step.equation);
  }
}

}  // namespace

double rounding_of_sums() {
  return 256 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
}

Story watch_step(ProcessGroup& world, const Job& asked, const TrainerOptions& trainer) {
  Mesh mesh(world, asked.mesh);
  const std::vector<Range> parts = full_batch(asked, trainer, mesh.dp().rank());
  StepRecorder recorder({parts.front().begin, parts.back().end}, trainer.batch);
  mesh.tp().observe(recorder);
  mesh.dp().observe(recorder);
  TrainingJob job(mesh, asked, story_adamw);
  fill_biases(job.model());
  run_step(job, trainer, parts);

  const std::vector<LedgerLine> counted = counted_traffic(mesh);
  Story story = tell_together(mesh, job.job(), trainer.batch, recorder.events());
  collectively(world, [&] {
    check_pairs(story);
    check_traffic(story, world.rank(), counted, "were counted");
    check_traffic(story, world.rank(),
                  predict_traffic(job.job(), mesh.tp().rank(), mesh.dp().rank(), parts),
                  "the plan predicts");
  });
  return story;
}

}  // namespace colonnade::app
