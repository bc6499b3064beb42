// `colonnade train mlp`: data, model, checkpoints, loop, files, summary.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "app/checkpoints.hpp"
#include "app/commands.hpp"
#include "app/job.hpp"
#include "app/ledger.hpp"
#include "app/outputs.hpp"
#include "app/progress.hpp"
#include "app/rank_report.hpp"
#include "app/run_log.hpp"
#include "app/stop_request.hpp"
#include "app/summary.hpp"
#include "app/terminal.hpp"
#include "app/training_data.hpp"
#include "colonnade/agreement.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/model_file.hpp"
#include "colonnade/render.hpp"
#include "colonnade/sentinel.hpp"
#include "colonnade/trace.hpp"
#include "colonnade/version.hpp"

namespace colonnade::app {

namespace {

/// Room for some hundred steps of a few layers, about a megabyte a rank.
constexpr std::size_t logged_spans = 1 << 15;

/// What accompanies the steps of a run; all of it may be absent on a rank, or altogether.
struct Companions {
  std::optional<RunLog> log;           // rank 0's
  const Timeline* recorded = nullptr;  // of this rank, where the run is traced or logged
  bool reports_ranks = false;          // to the log
  std::optional<Progress> progress;    // rank 0's
  std::optional<LedgerCheck> ledger;
  std::optional<Sentinel> sentinel;
  std::int64_t sentinel_steps = 0;  // from one check to the next
  std::optional<StopRequest> stop;
};

/// What the ranks say of the steps so far; none of a run that was resumed at its end. Collective.
void log_ranks(TrainingJob& job, Companions& with, const Totals& totals) {
  if (!with.reports_ranks || totals.samples == 0) return;
  const RankReport report = report_of_ranks(job.mesh(), *with.recorded);
  if (with.log) with.log->on_ranks(report);
}

/// Runs the trainer; what it reports goes to the screen and the log, and its state to checkpoints.
RunEnd train(TrainingJob& job, Trainer& trainer, Checkpoints& checkpoints, Companions& with,
             Totals& totals) {
  trainer.before_step = [&](std::span<const Range> micro_batches) {
    if (with.ledger) with.ledger->before(micro_batches);
  };
  trainer.on_step = [&](const StepReport& report) {
    if (with.ledger) with.ledger->after(report.skipped.empty());
    if (!report.skipped.empty()) ++totals.skipped;
    if (with.sentinel && report.step % with.sentinel_steps == 0) {
      with.sentinel->check(report.step);
      ++totals.comparisons;
    }
    totals.seconds += report.seconds;
    totals.samples += report.rows;
    totals.communication += report.communication;
    if (with.log) with.log->on_step(report);
    if (with.progress) with.progress->on_step(report);
    checkpoints.after_step(job, trainer);
  };
  trainer.on_epoch = [&](const EpochReport& report) {
    totals.test = report.test;
    if (with.log) with.log->on_epoch(report);
    log_ranks(job, with, totals);
    if (with.progress) with.progress->on_epoch(report);
  };
  if (with.stop) trainer.should_stop = [&] { return with.stop->is_there(); };
  try {
    return trainer.run();
  } catch (const NonFinite&) {
    with.progress.reset();  // ends its line
    checkpoints.save_before_error(job, trainer.position());
    throw;
  }
}

/// Collective.
void say_how_to_go_on(ProcessGroup& world, const StopRequest& stop, const Trainer& trainer,
                      const std::string& saved) {
  const std::string reason = stop.reason(world);
  if (world.rank() != 0) return;
  std::printf("stopped %s after step %lld of %lld; ", reason.c_str(),
              static_cast<long long>(trainer.position().step),
              static_cast<long long>(trainer.total_steps()));
  if (saved.empty()) {
    std::printf("without --checkpoint no parameters are saved\n");
    return;
  }
  std::printf("saved %s\n", saved.c_str());
  std::printf("to go on, give the same command with --resume auto\n");
}

/// Collective.
void finish_trace(ProcessGroup& world, Tracer& tracer, const std::string& path) {
  const std::vector<RankTrace> ranks = tracer.collect();
  collectively(world, [&] {
    if (world.rank() == 0) write_trace(path, ranks);
  });
  if (world.rank() != 0) return;
  std::int64_t kept = 0, dropped = 0;
  for (const RankTrace& rank : ranks) {
    kept += std::ssize(rank.spans);
    dropped += rank.dropped;
  }
  std::printf("trace             %s, %s%s spans", path.c_str(), dropped > 0 ? "the newest " : "",
              render_count(kept).c_str());
  if (dropped > 0) std::printf("; %s older ones are dropped", render_count(dropped).c_str());
  std::printf("\n");
}

/// The options, with what was chosen where exact mode's are left out.
Configuration configuration_of(TrainOptions options, const Job& job,
                               const TrainerOptions& trainer) {
  if (options.parallel.exact) {
    options.parallel.shards = job.model.shards;
    options.parallel.row_blocks = trainer.row_blocks;
  }
  return describe(options);
}

/// What the last bits depend on beside the job. Exact mode depends on the first part alone.
Arithmetic arithmetic_of(const ProcessGroup& world, const Device& device) {
  return {backend_description() + ", colonnade " + std::string(version),
          std::string(world.transport_name()) + ", " + std::to_string(device.threads) +
              " threads a rank"};
}

/// What the log says first.
RunFacts facts_of_run(const TrainOptions& options, const Job& job, const TrainerOptions& trainer,
                      const Device& device, ProcessGroup& world, const Data& data,
                      Index parameters) {
  RunFacts facts{.options = configuration_of(options, job, trainer),
                 .mesh = job.mesh,
                 .transport = std::string(world.transport_name()),
                 .threads = device.threads,
                 .parameters = parameters,
                 .samples = data.train->samples(),
                 .data = digest_of(data),
                 .memory = {}};
  for (int dp_rank = 0; dp_rank < job.mesh.dp; ++dp_rank) {
    const std::vector<Range> parts = full_batch(job, trainer, dp_rank);
    for (int tp_rank = 0; tp_rank < job.mesh.tp; ++tp_rank)
      facts.memory.push_back(predict_memory(job, tp_rank, dp_rank, parts));
  }
  return facts;
}

/// A run that was resumed at its end has made no step, and has no gradients.
void write_results(TrainingJob& job, const TrainOptions& options, bool has_gradients) {
  if (!options.save.empty()) save_parameters(job.mesh(), job.model(), options.save);
  if (options.dump_gradients.empty()) return;
  if (!has_gradients) {
    if (job.mesh().world().rank() == 0) std::printf("no step was made: no gradients are written\n");
    return;
  }
  job.gather_gradients();
  save_gradients(job.mesh(), job.model(), options.dump_gradients);
}

}  // namespace

int run_train_mlp(ProcessGroup& world, const Device& device, const TrainOptions& options) {
  Companions with;
  // From here on, so that a signal that comes while data are read is not lost.
  // A run that is traced is often stopped early, and keeps its trace.
  if (!options.checkpoint.folder.empty() || !options.trace.empty()) {
    with.stop.emplace(options.checkpoint.time_limit);
  }
  TrainerOptions trainer_options = options.trainer;
  if (!options.dump_gradients.empty()) trainer_options.gradients = UsedGradients::keep;
  Job job;
  Data data;
  collectively(world, [&] {
    job = resolve_job(options.model, options.loss, options.parallel, options.clip, trainer_options,
                      world.size());
    check_checkpoint_options(options.checkpoint, !options.load.empty());
    set_math(options.math);
    // Refuses what can't be cut, before anything is printed.
    predict_memory(job, 0, 0, full_batch(job, trainer_options, 0));
  });
  if (options.dry_run) {
    if (world.rank() == 0) print_dry_run(job, trainer_options, device);
    return 0;
  }
  print_devices(world, device);

  std::optional<Tracer> tracer;
  std::shared_ptr<Timeline> timeline;
  if (!options.trace.empty()) {
    with.recorded = &tracer.emplace(world).timeline();
  } else if (!options.log.empty()) {
    timeline = std::make_shared<Timeline>(logged_spans);
    world.record(timeline);
    with.recorded = timeline.get();
  }
  with.reports_ranks = !options.log.empty();
  Mesh mesh(world, job.mesh);
  settle_overlap(options.parallel, trainer_options, mesh.tp(), job);
  std::optional<TrainingJob> training;
  collectively(world, [&] {
    data = load_data(options);
    // A batch has no more rows than there are samples.
    TrainerOptions batches = trainer_options;
    batches.batch = std::min(batches.batch, data.train->samples());
    check_memory(predict_memory(job, 0, 0, full_batch(job, batches, 0)).total(), device);
    training.emplace(mesh, job, options.adamw);
  });
  check_agreement(world, facts_of(data));
  Checkpoints checkpoints(world, options.checkpoint,
                          configuration_of(options, job, trainer_options),
                          arithmetic_of(world, device), digest_of(data));
  collectively(world, [&] {  // the folder of checkpoints is there now, and may hold outputs too
    if (world.rank() == 0) check_outputs(options);
  });
  const std::optional<Position> resumed = checkpoints.resume([&]() -> TrainingJob& {
    training.reset();  // the memory of one job is enough
    return training.emplace(mesh, job, options.adamw);
  });
  if (!resumed && !options.load.empty()) load_parameters(mesh, training->model(), options.load);

  Trainer trainer(*training, *data.train, data.test.get(), trainer_options);
  collectively(world, [&] {
    if (resumed) trainer.set_position(*resumed);
  });
  const Position start = trainer.position();
  collectively(world, [&] {  // last of all: the log is the one output that starts anew at once
    if (world.rank() != 0 || options.log.empty()) return;
    with.log.emplace(options.log, start);
    with.log->on_begin(facts_of_run(options, job, trainer_options, device, world, data,
                                    training->model().parameter_count()));
  });
  if (world.rank() == 0) {
    print_model(job, trainer_options.row_blocks, training->model().parameter_count());
    print_data(data);
    const bool redraw =
        options.progress == "line" || (options.progress == "auto" && output_is_terminal());
    with.progress.emplace(redraw, trainer_options.epochs, data.train->samples(),
                          start.batch * trainer_options.batch);
  }
  if (options.ledger) with.ledger.emplace(mesh, job);
  if (options.sentinel > 0) with.sentinel.emplace(*training);
  with.sentinel_steps = options.sentinel;

  Totals totals;
  const RunEnd end = train(*training, trainer, checkpoints, with, totals);
  with.progress.reset();  // ends its line
  if (end == RunEnd::stopped) log_ranks(*training, with, totals);
  const std::string saved = checkpoints.save_now(*training, trainer.position());
  if (end == RunEnd::stopped) {
    say_how_to_go_on(world, *with.stop, trainer, saved);
    if (tracer) finish_trace(world, *tracer, options.trace);
    return 0;
  }
  write_results(*training, options, totals.samples > 0);
  totals.times_collectives = world.times_collectives();
  if (tracer) finish_trace(world, *tracer, options.trace);
  print_summary(world, training->model(), totals);
  return 0;
}

}  // namespace colonnade::app
