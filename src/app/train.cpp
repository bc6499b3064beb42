// `colonnade train mlp`: data, model, loop, files, summary.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "app/job.hpp"
#include "app/ledger.hpp"
#include "app/progress.hpp"
#include "app/run_log.hpp"
#include "app/terminal.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/file.hpp"
#include "colonnade/model_file.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

struct Data {
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> test;  // null if there is none
};

/// What the step reports of a run add up to, on this rank.
struct Totals {
  double seconds = 0;
  Index samples = 0;
  std::int64_t skipped = 0;  // steps
  Traffic communication;
  std::optional<Evaluation> test;
};

void check_data_options(const TrainOptions& options) {
  const bool folder = !options.data.empty();
  const bool matrices = !options.inputs.empty() || !options.targets.empty();
  if (folder == matrices || options.inputs.empty() != options.targets.empty()) {
    throw Error("no data set, or more than one",
                {.wanted = "either --data DIR or both --inputs X.npy and --targets Y.npy"});
  }
}

void check_width(const char* which, Index width, Index data, const std::string& source) {
  if (width == data) return;
  throw Error("--widths doesn't fit the data in " + source,
              {.wanted = std::string(which) + " width " + std::to_string(data),
               .found = std::to_string(width)});
}

Data load_data(const TrainOptions& options) {
  check_data_options(options);
  const std::vector<Index>& widths = options.model.widths;
  Data data;
  if (!options.data.empty()) {
    TrainAndTest both = load_mnist(options.data, widths.back());
    data.train = std::move(both.train);
    data.test = std::move(both.test);
  } else {
    auto matrices = load_matrices(options.inputs, options.targets);
    if (options.loss.kind == LossKind::cross_entropy) {
      matrices->check_probabilities(options.targets);
    }
    data.train = std::move(matrices);
  }
  check_width("first", widths.front(), data.train->inputs(),
              options.data.empty() ? options.inputs : options.data);
  check_width("last", widths.back(), data.train->targets(),
              options.data.empty() ? options.targets : options.data);
  return data;
}

using NamedPaths = std::vector<std::pair<std::string, std::string>>;  // what it is for, and where

/// The paths that are given, of the option's inputs or outputs.
NamedPaths given(const NamedPaths& all) {
  NamedPaths paths;
  for (const auto& named : all)
    if (!named.second.empty()) paths.push_back(named);
  return paths;
}

/// Whether two paths lead to one file, that is there or is to be made.
bool same_file(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::equivalent(a, b, ignored)) return true;
  // Without a file there, the path tells; a link to nothing counts as what it leads to.
  const auto place = [&](const std::string& path) {
    fs::path at = fs::absolute(path, ignored);
    for (int links = 0; links < 40 && fs::is_symlink(at, ignored); ++links) {
      at = at.parent_path() / fs::read_symlink(at, ignored);
    }
    return fs::weakly_canonical(at, ignored);
  };
  return place(a) == place(b);
}

/// Finds outputs that can't be written, or would destroy an input or one another, before the work
/// is done; leaves what is there as it is. A run may replace the model that it loaded.
void check_outputs(const TrainOptions& options) {
  NamedPaths taken = given(
      {{"--inputs", options.inputs}, {"--targets", options.targets}, {"--config", options.config}});
  if (!options.data.empty()) {
    for (const std::string& file : mnist_files(options.data)) taken.emplace_back("--data", file);
  }
  for (const auto& [option, path] : given({{"--save", options.save},
                                           {"--dump-gradients", options.dump_gradients},
                                           {"--log", options.log}})) {
    if (option != "--save" && !options.load.empty() && same_file(path, options.load)) {
      throw Error(option + " would overwrite the file of --load",
                  {.wanted = "another file", .found = path});
    }
    for (const auto& [other_option, other_path] : taken) {
      if (same_file(path, other_path)) {
        throw Error(option + " would overwrite the file of " + other_option,
                    {.wanted = "another file", .found = path});
      }
    }
    check_writable(path);
    taken.emplace_back(option, path);
  }
}

/// `model: 1,863,690 parameters, cut over 4 ranks, in 2 copies`
void print_model(const Job& job, Index row_blocks, Index parameters) {
  const std::string copies =
      job.mesh.dp == 1 ? "" : ", in " + render_count(job.mesh.dp) + " copies";
  std::printf("model: %s parameters, cut over %d %s%s\n", render_count(parameters).c_str(),
              job.mesh.tp, job.mesh.tp == 1 ? "rank" : "ranks", copies.c_str());
  if (job.model.shards > 0) {
    std::printf(
        "exact: %td shards a layer, %td row blocks a batch, the same bits on every mesh that "
        "divides "
        "them\n",
        job.model.shards, row_blocks);
  }
}

void print_data(const Data& data) {
  std::printf("data: %s samples of %td inputs", render_count(data.train->samples()).c_str(),
              data.train->inputs());
  if (data.test) std::printf(", %s to test", render_count(data.test->samples()).c_str());
  std::printf("\n");
  std::fflush(stdout);
}

void print_summary(ProcessGroup& world, const Mlp& model, const Totals& totals) {
  const double seconds = totals.seconds;
  const std::int64_t memory =
      world.all_reduce(static_cast<std::int64_t>(peak_memory()), Reduction::max);
  const std::vector<std::int64_t> sent = world.all_gather(totals.communication.bytes_sent);
  if (world.rank() != 0) return;
  const double samples = static_cast<double>(totals.samples);
  if (totals.test && totals.test->accuracy) {
    std::printf("test accuracy     %.2f%%\n", 100 * *totals.test->accuracy);
  }
  if (totals.skipped > 0) {
    std::printf("skipped steps     %s\n", render_count(totals.skipped).c_str());
  }
  std::printf("training time     %s\n", render_duration(seconds).c_str());
  std::printf("samples/s         %s\n",
              render_count(static_cast<std::int64_t>(samples / seconds)).c_str());
  std::printf("GFLOP/s           %.1f\n", model.step_flops(1) * samples / seconds * 1e-9);
  std::printf("communication     %s, %.1f%% of the time\n",
              render_duration(totals.communication.seconds).c_str(),
              100 * totals.communication.seconds / seconds);
  std::printf("sent by each rank");
  for (const std::int64_t bytes : sent) {
    std::printf(" %s", render_bytes(static_cast<double>(bytes)).c_str());
  }
  // Ranks that are threads share their process.
  std::printf("\npeak memory       %s %s\n", render_bytes(static_cast<double>(memory)).c_str(),
              world.transport_name() == "threads" ? "all ranks together" : "a rank");
}

/// Runs the trainer with its reports going to the screen and the log, both rank 0's.
Totals train(ProcessGroup& world, Trainer& trainer, const TrainOptions& options,
             Index samples_per_epoch, std::optional<RunLog>& log,
             std::optional<LedgerCheck>& ledger) {
  std::optional<Progress> progress;
  if (world.rank() == 0) {
    const bool redraw =
        options.progress == "line" || (options.progress == "auto" && output_is_terminal());
    progress.emplace(redraw, options.trainer.epochs, samples_per_epoch);
  }
  Totals totals;
  trainer.before_step = [&](std::span<const Range> micro_batches) {
    if (ledger) ledger->before(micro_batches);
  };
  trainer.on_step = [&](const StepReport& report) {
    if (ledger) ledger->after(report.skipped.empty());
    if (!report.skipped.empty()) ++totals.skipped;
    totals.seconds += report.seconds;
    totals.samples += report.rows;
    totals.communication += report.communication;
    if (log) log->on_step(report);
    if (progress) progress->on_step(report);
  };
  trainer.on_epoch = [&](const EpochReport& report) {
    totals.test = report.test;
    if (log) log->on_epoch(report);
    if (progress) progress->on_epoch(report);
  };
  trainer.run();
  return totals;
}

/// `--dry-run`: what the formulas say about the job, without data, without a model.
void print_dry_run(const Job& job, const TrainerOptions& trainer, const Device& device) {
  Index parameters = 0;
  for (std::size_t i = 0; i + 1 < job.model.widths.size(); ++i) {
    parameters += (job.model.widths[i] + (job.model.bias ? 1 : 0)) * job.model.widths[i + 1];
  }
  const std::vector<Range> parts = full_batch(job, trainer, 0);
  print_model(job, trainer.row_blocks, parameters);
  print_plan(job, parts);
  const double needed = predict_memory(job, 0, 0, parts).total() * device.node_size;
  if (needed > present_memory()) {
    std::printf("too much for this node: its %d ranks need %s, it has %s\n", device.node_size,
                render_bytes(needed).c_str(), render_bytes(present_memory()).c_str());
  }
}

}  // namespace

int run_train_mlp(ProcessGroup& world, const Device& device, const TrainOptions& options) {
  TrainerOptions trainer_options = options.trainer;
  Job job;
  Data data;
  collectively(world, [&] {
    job = resolve_job(options.model, options.loss, options.parallel, options.clip, trainer_options,
                      world.size());
    // Refuses what can't be cut, before anything is printed.
    predict_memory(job, 0, 0, full_batch(job, trainer_options, 0));
  });
  if (options.dry_run) {
    if (world.rank() == 0) print_dry_run(job, trainer_options, device);
    return 0;
  }
  print_devices(world, device);

  Mesh mesh(world, job.mesh);
  std::optional<TrainingJob> training;
  collectively(world, [&] {
    data = load_data(options);
    // A batch has no more rows than there are samples.
    TrainerOptions batches = trainer_options;
    batches.batch = std::min(batches.batch, data.train->samples());
    check_memory(predict_memory(job, 0, 0, full_batch(job, batches, 0)).total(), device);
    training.emplace(mesh, job, options.adamw);
    if (world.rank() == 0) check_outputs(options);
  });
  Mlp& model = training->model();
  if (!options.load.empty()) load_parameters(mesh, model, options.load);
  std::optional<RunLog> log;  // last of all: it is the one output that starts anew at once
  collectively(world, [&] {
    if (world.rank() == 0 && !options.log.empty()) log.emplace(options.log);
  });
  if (world.rank() == 0) {
    print_model(job, trainer_options.row_blocks, model.parameter_count());
    print_data(data);
  }

  Trainer trainer(*training, *data.train, data.test.get(), trainer_options);
  std::optional<LedgerCheck> ledger;
  if (options.ledger) ledger.emplace(mesh, job);
  const Totals totals = train(world, trainer, options, data.train->samples(), log, ledger);

  if (!options.save.empty()) save_parameters(mesh, model, options.save);
  if (!options.dump_gradients.empty()) {
    training->gather_gradients();
    save_gradients(mesh, model, options.dump_gradients);
  }
  print_summary(world, model, totals);
  return 0;
}

}  // namespace colonnade::app
