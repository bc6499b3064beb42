// `colonnade bench`: what the machine can do, and a training step beside it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "app/bench_report.hpp"
#include "app/commands.hpp"
#include "app/job.hpp"
#include "app/summary.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/file.hpp"
#include "sample_job.hpp"

namespace colonnade::app {

namespace {

constexpr Index batches = 4;  // of sample data, that steps take in turn

Patience patience_of(const BenchOptions& options) {
  return {.block_seconds = std::clamp(options.seconds / 1000, 1e-6, 5e-3), .blocks = 9};
}

/// Of each of the four arrays that are beyond all caches, on one rank.
Index large_elements(const Device& device) {
  if (device.gpu_cache > 0) return static_cast<Index>(device.gpu_cache / sizeof(Scalar));
  constexpr std::size_t unknown = std::size_t{64} << 20;
  const std::size_t cache = last_level_cache() > 0 ? last_level_cache() : unknown;
  return static_cast<Index>(cache / sizeof(Scalar)) / device.node_size;
}

/// Of a rank: the job, its data, and the larger of what is measured beside it.
double memory_needed(const Job& job, const TrainerOptions& trainer, const BenchOptions& options,
                     const Device& device) {
  const std::vector<Index>& widths = job.model.widths;
  const auto numbers = [](Index a, Index b) {
    return static_cast<double>(a) * static_cast<double>(b);
  };
  double operands = 0;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const Index both = widths[i] + widths[i + 1];
    operands = std::max(operands,
                        2 * numbers(widths[i], widths[i + 1]) + 2 * numbers(trainer.batch, both));
  }
  const double data = numbers(batches * trainer.batch, widths.front() + widths.back());
  const double large = options.large_arrays ? 4 * numbers(large_elements(device), 1) : 0;
  return predict_memory(job, 0, 0, full_batch(job, trainer, 0)).total() +
         (data + std::max(operands, large)) * sizeof(Scalar);
}

/// A wrong step has no speed: a narrow job of the same kind, on the same mesh, must train as it
/// does on one rank. Returns the largest difference of a loss or a norm, relative to it.
/// Collective.
double check_narrow_job(Mesh& mesh, Job job, TrainerOptions trainer) {
  const Index narrow = std::max<Index>({16, 2 * mesh.shape().tp, 2 * job.model.shards});
  for (Index& width : job.model.widths) width = std::min(width, narrow);
  trainer.batch =
      std::min(trainer.batch,
               std::max<Index>({16, trainer.accumulate * mesh.shape().dp, trainer.row_blocks}));
  trainer.steps = 3;
  const std::vector<double> got = SampleJob(mesh, job, trainer).train();
  double difference = 0;
  collectively(mesh.world(), [&] {
    ProcessGroup self = ProcessGroup::self();
    Mesh alone(self, {});
    const std::vector<double> want =
        SampleJob(alone, on_one_rank(job), on_one_rank(trainer)).train();
    for (std::size_t i = 0; i < want.size(); ++i) {
      difference = std::max(difference, std::abs(got[i] - want[i]) / std::abs(want[i]));
    }
    // Sums in another order may turn how a factor is rounded.
    const double tolerance =
        2000 * std::numeric_limits<Scalar>::epsilon() + 2 * spacing_of_factors(math());
    if (got.size() != want.size() || !(difference <= tolerance)) {
      throw Error(
          "these ranks don't train as one does: nothing is timed",
          {.wanted = "losses and norms that differ by " + std::to_string(tolerance) + " at most",
           .found = std::to_string(difference),
           .hint = "colonnade check says more"});
    }
  });
  return difference;
}

// --- Limits ------------------------------------------------------------------------------------

MemoryRates summed(ProcessGroup& world, MemoryRates rates) {
  std::array<double, 3> sums = {rates.copy, rates.triad, rates.update};
  world.all_reduce(std::span<double>(sums));
  return {.copy = sums[0], .triad = sums[1], .update = sums[2]};
}

void measure_own_memory(ProcessGroup& world, AdamW& optimizer, const Patience& patience,
                        MachineLimits& limits) {
  Index elements = 0;
  for (const AdamW::Moments& moments : optimizer.moments()) elements += moments.own.size();
  const MemoryRates rates = measure_memory(world, elements, patience);
  const double bytes = static_cast<double>(elements) * sizeof(Scalar);
  limits.update_seconds =
      world.all_reduce(numbers_moved(MemoryPass::update) * bytes / rates.update, Reduction::max);
  limits.near_memory = summed(world, rates);
  limits.near_bytes = world.all_reduce(4 * bytes);
}

/// The collectives of a step that send something, each with the cost of a call of its size.
std::vector<MessageLimit> measure_messages(Mesh& mesh, const Job& job,
                                           std::span<const Range> micro_batches,
                                           const Patience& patience) {
  struct Wanted {
    std::string group;
    Collective kind;
    SumOrder order;
    double largest;
  };
  std::vector<Wanted> wanted;
  // Rank 0's ledger on every rank, so that all measure the same.
  for (const LedgerLine& line : predict_traffic(job, 0, 0, micro_batches)) {
    const double ranks = line.group == "tp" ? mesh.shape().tp : mesh.shape().dp;
    if (ranks == 1) continue;
    const double sent = static_cast<double>(line.bytes_sent) / static_cast<double>(line.calls);
    const double buffer = sent * ranks / (ranks - 1);
    const SumOrder order = order_of(job, line.kind, line.group, line.account);
    const auto same = std::find_if(wanted.begin(), wanted.end(), [&](const Wanted& other) {
      return other.group == line.group && other.kind == line.kind && other.order == order;
    });
    if (same == wanted.end()) {
      wanted.push_back({line.group, line.kind, order, buffer});
    } else {
      same->largest = std::max(same->largest, buffer);
    }
  }
  std::vector<MessageLimit> limits;
  for (const auto& [group, kind, order, largest] : wanted) {
    limits.push_back({group, measure_collective(group == "tp" ? mesh.tp() : mesh.dp(), kind, order,
                                                largest, patience)});
  }
  return limits;
}

MachineLimits measure_limits(TrainingJob& training, const TrainerOptions& trainer,
                             const BenchOptions& options, const Device& device) {
  Mesh& mesh = training.mesh();
  ProcessGroup& world = mesh.world();
  const Patience patience = patience_of(options);
  MachineLimits limits;
  limits.fma_rate = world.all_reduce(measure_fma(world, patience));
  if (options.large_arrays) {
    const Index elements = large_elements(device);
    limits.memory = summed(world, measure_memory(world, elements, {patience.block_seconds, 3}));
    limits.memory_bytes = world.all_reduce(4.0 * static_cast<double>(elements) * sizeof(Scalar));
  }
  measure_own_memory(world, training.optimizer(), patience, limits);

  const std::vector<Range> parts = full_batch(training.job(), trainer, mesh.dp().rank());
  Index largest = 0, rows = 0;
  for (const Range part : parts) {
    largest = std::max(largest, part.size());
    rows += part.size();
  }
  limits.products = measure_products(world, training.model(), largest, patience);
  for (const MeasuredProduct& product : limits.products) {
    limits.product_seconds[static_cast<std::size_t>(product.product)] +=
        product.seconds.smallest * static_cast<double>(rows) /
        static_cast<double>(std::max<Index>(largest, 1));
  }
  world.all_reduce(std::span<double>(limits.product_seconds), Reduction::max);
  limits.messages =
      measure_messages(mesh, training.job(), full_batch(training.job(), trainer, 0), patience);
  return limits;
}

// --- Steps -------------------------------------------------------------------------------------

/// Steps for so many seconds, five at least. Collective.
StepTimes time_steps(TrainingJob& training, const Dataset& data, const TrainerOptions& options,
                     double seconds) {
  std::vector<double> times, communication;
  Trainer trainer(training, data, nullptr, options);
  const auto begin = std::chrono::steady_clock::now();
  trainer.on_step = [&](const StepReport& report) {
    times.push_back(report.seconds);
    communication.push_back(report.communication.seconds);
  };
  trainer.should_stop = [&] {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    return times.size() >= 4 && elapsed.count() >= seconds;
  };
  trainer.run();
  // The first steps warm up caches, clocks and memory.
  const auto warm_up = static_cast<std::ptrdiff_t>(std::max<std::size_t>(times.size() / 10, 1));
  times.erase(times.begin(), times.begin() + warm_up);
  communication.erase(communication.begin(), communication.begin() + warm_up);
  training.mesh().world().all_reduce(std::span(times), Reduction::max);
  return {.steps = std::ssize(times),
          .seconds = summarize(std::move(times)),
          .communication = summarize(std::move(communication)).median};
}

/// The same steps, recorded; what they spend in collectives, of their own time, stands in
/// `communication` too. Collective.
StepProfile record_steps(TrainingJob& training, const Dataset& data, const TrainerOptions& options,
                         double seconds, double& communication) {
  // Room for some thousand small steps or for a few of any: a span for each of a dozen parts of
  // each layer.
  const std::size_t step =
      16 * (training.model().layers().size() + 1) *
      static_cast<std::size_t>(training.job().model.row_parts) *
      static_cast<std::size_t>(std::max(options.accumulate, options.row_blocks));
  auto timeline = std::make_shared<Timeline>(std::max<std::size_t>(4 * step, 1 << 16));
  Mesh& mesh = training.mesh();
  mesh.tp().record(timeline);
  mesh.dp().record(timeline);
  const StepTimes recorded = time_steps(training, data, options, seconds);
  communication = recorded.communication / recorded.seconds.median;
  mesh.tp().record(nullptr);
  mesh.dp().record(nullptr);
  return profile_steps(mesh, *timeline);
}

}  // namespace

int run_bench_mlp(ProcessGroup& world, const Device& device, const BenchOptions& options) {
  BenchResult result;
  result.trainer = options.trainer;
  collectively(world, [&] {
    result.job = resolve_job(options.model, options.loss, options.parallel, options.clip,
                             result.trainer, world.size());
    set_math(options.math);
    check_memory(memory_needed(result.job, result.trainer, options, device), device);
    if (world.rank() == 0 && !options.json.empty()) check_writable(options.json);
  });
  result.trainer.epochs = 0;
  result.trainer.steps = std::numeric_limits<std::int64_t>::max();
  print_devices(world, device);
  Mesh mesh(world, result.job.mesh);
  settle_overlap(options.parallel, result.trainer, mesh.tp(), result.job);
  const double difference = check_narrow_job(mesh, result.job, result.trainer);
  std::optional<TrainingJob> training;
  std::optional<MatrixDataset> data;
  collectively(world, [&] {
    training.emplace(mesh, result.job, AdamWOptions{.learning_rate = 0});
    data.emplace(sample_dataset(result.job, batches * result.trainer.batch, options.model.seed));
  });
  result.parameters = training->model().parameter_count();
  result.flops = training->model().step_flops(result.trainer.batch);
  if (world.rank() == 0) {
    print_model(result.job, result.trainer.row_blocks, result.parameters);
    print_check(difference);
  }

  result.limits = measure_limits(*training, result.trainer, options, device);
  if (world.rank() == 0) print_limits(result);
  result.step = time_steps(*training, *data, result.trainer, options.seconds);
  double communication = 0;
  result.profile =
      record_steps(*training, *data, result.trainer, options.seconds / 3, communication);
  // Of the time of a step that is not recorded the same part: nobody has timed its collectives.
  if (!world.times_collectives()) {
    result.step.communication = communication * result.step.seconds.median;
  }
  const std::vector<std::string> devices = gather_text(world, describe(device, world.rank()));
  collectively(world, [&] {
    if (world.rank() != 0) return;
    print_step(result);
    if (!options.json.empty()) {
      write_json(options.json, result,
                 {.arguments = options.arguments,
                  .transport = std::string(world.transport_name()),
                  .devices = devices});
    }
  });
  return 0;
}

}  // namespace colonnade::app
