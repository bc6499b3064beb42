// What the command line can say. See `colonnade --help`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "colonnade/backend.hpp"
#include "colonnade/device.hpp"
#include "colonnade/loss.hpp"
#include "colonnade/mlp.hpp"
#include "colonnade/mpi.hpp"
#include "colonnade/optimizer.hpp"
#include "colonnade/trainer.hpp"

namespace colonnade::app {

/// How a job is spread over ranks, as the command line has it; see resolve_job.
struct ParallelOptions {
  std::string mesh;  // "" for tensor parallelism alone
  bool zero1 = false;
  bool exact = false;
  Index shards = 0;      // 0: not given
  Index row_blocks = 0;  // 0: not given
  Index overlap = 0;     // MlpOptions::row_parts; 0: as many as are of use
};

struct CheckpointOptions {
  std::string folder;      // "" for no checkpoints
  std::int64_t every = 0;  // steps from one to the next; 0: at the end of each epoch
  int keep = 0;            // newest ones that stay; 0: not given
  std::string resume;      // "auto", a file, or "" to begin anew
  double time_limit = 0;   // seconds after which the run saves and stops; 0: none
};

struct TrainOptions {
  std::string data;
  std::string inputs;
  std::string targets;
  MlpOptions model;
  LossOptions loss;
  TrainerOptions trainer;
  AdamWOptions adamw;
  double clip = 0;  // largest norm of all gradients together; 0: unbounded
  Math math = Math::fp32;
  ParallelOptions parallel;
  CheckpointOptions checkpoint;
  bool ledger = false;
  std::int64_t sentinel = 0;  // steps from one comparison of copies to the next; 0: none
  bool dry_run = false;
  std::string load;
  std::string save;
  std::string dump_gradients;
  std::string log;
  std::string trace;
  std::string progress = "auto";
  std::string config;
};

struct DemoOptions {
  Index batch = 2;
  Index width = 32;
  Index layers = 4;
  std::int64_t steps = 20;
  double learning_rate = 1e-3;
  std::uint64_t seed = 0;
  Math math = Math::fp32;
};

/// A batch of 7 cannot be cut evenly, so that a mean of means would show.
struct CheckOptions {
  MlpOptions model;
  LossOptions loss;
  TrainerOptions trainer = {.batch = 7, .epochs = 0, .steps = 5};
  ParallelOptions parallel;
  double clip = 0;  // 0: unbounded
  Index samples = 3;
};

/// No learning rate: the steps of a bench change nothing, so that they take the same however long
/// they go on.
struct BenchOptions {
  MlpOptions model;
  LossOptions loss;
  TrainerOptions trainer;
  ParallelOptions parallel;
  double clip = 0;  // 0: unbounded
  Math math = Math::fp32;
  double seconds = 3;                  // of steps
  bool large_arrays = true;            // measure memory beyond all caches too
  std::string json;                    // where every figure is written, or ""
  std::vector<std::string> arguments;  // of the command line, for the record
};

/// Where nobody says how many.
inline constexpr int explain_ranks = 2;

/// So small that a step's numbers fit a screen.
struct ExplainOptions {
  MlpOptions model = {.widths = {4, 6, 4}};
  LossOptions loss;
  TrainerOptions trainer = {.batch = 3};
  ParallelOptions parallel;
  double clip = 0;   // 0: unbounded
  std::string html;  // where the page is written, or "" for text
};

/// Where nobody says how many: most mistakes of the zoo show on several ranks only.
inline constexpr int zoo_ranks = 2;

struct ZooOptions {
  std::vector<std::string> names;  // of the mistakes that are run; none: all
  bool list = false;               // names alone
  std::int64_t steps = 60;         // of training
};

struct InspectOptions {
  std::string file;
};

struct ReportOptions {
  std::vector<std::string> logs;
  std::string output;
};

/// Empty names are what the file says, or else what training takes by default.
struct PredictOptions {
  std::string load;
  std::string data;
  std::string picture;  // where it is written, or ""
  Index batch = 1000;
  std::string mesh;  // "" for tensor parallelism alone
  std::string activation;
  std::string activate_last;  // "true", "false" or ""
  std::string loss;
  std::string layout;
};

enum class Command {
  print,
  train_mlp,
  bench_mlp,
  check,
  demo,
  explain,
  zoo,
  inspect,
  report,
  predict,
  info
};

struct CommandLine {
  Command command = Command::print;
  std::string text;  // of Command::print: help, or the version
  TrainOptions train;
  BenchOptions bench;
  CheckOptions check;
  DemoOptions demo;
  ExplainOptions explain;
  ZooOptions zoo;
  InspectOptions inspect;
  ReportOptions report;
  PredictOptions predict;
  DeviceOptions device;
  double watchdog = 0;  // seconds that a rank may wait; 0: forever
  int ranks = 0;        // as threads of this process; 0 for the ranks that mpiexec started
  TransportChoice transport = TransportChoice::automatic;  // between processes
};

/// Throws Error, one line that names the option, for anything it can't take.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace colonnade::app
