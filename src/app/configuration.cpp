#include "app/configuration.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "app/build.hpp"

namespace colonnade::app {

namespace {

/// As few digits as give the same number again.
std::string text_of(double number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return {digits.data(), end};
}
std::string text_of(std::int64_t number) {
  return std::to_string(number);
}
std::string text_of(std::uint64_t number) {
  return std::to_string(number);
}
std::string text_of(bool flag) {
  return flag ? "true" : "false";
}
std::string text_of(std::string_view text) {
  return std::string(text);
}

std::string text_of(const std::vector<Index>& list) {
  std::string text;
  for (const Index number : list) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

template <class Value>
void add(Configuration& to, const char* name, const Value& value) {
  to.emplace_back(name, text_of(value));
}

/// Of an option whose absence is a value that nobody can give.
template <class Value>
void add_given(Configuration& to, const char* name, const Value& value) {
  if (value != Value{}) add(to, name, value);
}

void add_model(Configuration& to, const MlpOptions& model) {
  add_given(to, "widths", model.widths);
  add(to, "activation", to_string(model.activation));
  add(to, "activate-last", model.activate_last);
  add(to, "dropout", model.dropout);
  add(to, "bias", model.bias);
  add(to, "seed", model.seed);
}

void add_loss(Configuration& to, const LossOptions& loss) {
  add(to, "loss", to_string(loss.kind));
  add(to, "label-smoothing", loss.label_smoothing);
}

void add_parallel(Configuration& to, const MlpOptions& model, const ParallelOptions& parallel) {
  add_given(to, "mesh", parallel.mesh);
  add(to, "layout", to_string(model.layout));
  add(to, "zero1", parallel.zero1);
  add(to, "exact", parallel.exact);
  add_given(to, "shards", parallel.shards);
  add_given(to, "row-blocks", parallel.row_blocks);
  add_given(to, "overlap", parallel.overlap);
  add(to, "recompute", model.recompute);
}

void add_step(Configuration& to, const TrainerOptions& trainer, double clip) {
  add(to, "batch", trainer.batch);
  add(to, "accumulate", trainer.accumulate);
  add_given(to, "clip", clip);
}

/// Only where it was asked for: most programs have no choice.
void add_math(Configuration& to, Math math) {
  if (math != Math::fp32) add(to, "math", to_string(math));
}

void add_trainer(Configuration& to, const TrainerOptions& trainer) {
  add(to, "on-nonfinite", to_string(trainer.on_nonfinite));
  add_given(to, "epochs", trainer.epochs);
  add_given(to, "steps", trainer.steps);
  add(to, "schedule", to_string(trainer.schedule));
  add(to, "warmup", trainer.warmup);
  add_given(to, "decay", trainer.decay);
  add(to, "shuffle", trainer.shuffle);
}

void add_optimizer(Configuration& to, const AdamWOptions& adamw) {
  add(to, "lr", adamw.learning_rate);
  add(to, "weight-decay", adamw.weight_decay);
  add(to, "beta1", adamw.beta1);
  add(to, "beta2", adamw.beta2);
  add(to, "eps", adamw.eps);
  add(to, "decay-bias", adamw.decay_bias);
}

}  // namespace

Configuration describe(const TrainOptions& options) {
  Configuration all;
  add_model(all, options.model);
  add_loss(all, options.loss);
  add_parallel(all, options.model, options.parallel);
  add_step(all, options.trainer, options.clip);
  add_math(all, options.math);
  add_trainer(all, options.trainer);
  add_optimizer(all, options.adamw);
  return all;
}

Configuration describe(const BenchOptions& options) {
  Configuration all;
  add_model(all, options.model);
  add_loss(all, options.loss);
  add_parallel(all, options.model, options.parallel);
  add_step(all, options.trainer, options.clip);
  add_math(all, options.math);
  add(all, "seconds", options.seconds);
  add(all, "large-arrays", options.large_arrays);
  return all;
}

Configuration describe(const CheckOptions& options) {
  Configuration all;
  add_model(all, options.model);
  add_loss(all, options.loss);
  add_parallel(all, options.model, options.parallel);
  add_step(all, options.trainer, options.clip);
  add(all, "steps", options.trainer.steps);
  add(all, "samples", options.samples);
  return all;
}

Configuration describe(const DemoOptions& options) {
  Configuration all;
  add(all, "batch", options.batch);
  add(all, "width", options.width);
  add(all, "layers", options.layers);
  add(all, "steps", options.steps);
  add(all, "lr", options.learning_rate);
  add(all, "seed", options.seed);
  add_math(all, options.math);
  return all;
}

Configuration describe(const PredictOptions& options) {
  Configuration all;
  add(all, "batch", options.batch);
  add_given(all, "mesh", options.mesh);
  add_given(all, "activation", options.activation);
  add_given(all, "activate-last", options.activate_last);
  add_given(all, "loss", options.loss);
  add_given(all, "layout", options.layout);
  return all;
}

Configuration describe(const ExplainOptions& options) {
  Configuration all;
  add_model(all, options.model);
  add_loss(all, options.loss);
  add_parallel(all, options.model, options.parallel);
  add_step(all, options.trainer, options.clip);
  return all;
}

namespace {

std::string_view name_of(Command command) {
  switch (command) {
    case Command::print:
      return "help";
    case Command::train_mlp:
      return "train mlp";
    case Command::bench_mlp:
      return "bench mlp";
    case Command::check:
      return "check";
    case Command::demo:
      return "demo";
    case Command::explain:
      return "explain";
    case Command::zoo:
      return "zoo";
    case Command::inspect:
      return "inspect";
    case Command::report:
      return "report";
    case Command::predict:
      return "predict";
    case Command::info:
      return "info";
  }
  return "";
}

/// The options of training that decide in what a rank takes part. What it reads may lie elsewhere
/// on each node; what all write together has one path.
Configuration describe_course(const TrainOptions& options) {
  Configuration all;
  const auto add_input = [&](const char* name, const std::string& path) {
    if (!path.empty()) all.emplace_back(name, path == "auto" ? path : "a file");
  };
  add_input("load", options.load);
  add_input("resume", options.checkpoint.resume);
  add_given(all, "save", options.save);
  add_given(all, "dump-gradients", options.dump_gradients);
  add_input("log", options.log);  // one rank writes it, all report to it
  add_given(all, "trace", options.trace);
  add_given(all, "checkpoint", options.checkpoint.folder);
  add_given(all, "every", options.checkpoint.every);
  add(all, "ledger", options.ledger);
  add_given(all, "sentinel", options.sentinel);
  add(all, "dry-run", options.dry_run);
  return all;
}

Configuration describe_course(const ZooOptions& options) {
  Configuration all;
  for (const std::string& name : options.names) add(all, "mistakes", name);
  add(all, "list", options.list);
  add(all, "steps", options.steps);
  return all;
}

Configuration options_of(const CommandLine& line) {
  switch (line.command) {
    case Command::train_mlp: {
      Configuration all = describe(line.train);
      for (auto& option : describe_course(line.train)) all.push_back(std::move(option));
      return all;
    }
    case Command::bench_mlp:
      return describe(line.bench);
    case Command::check:
      return describe(line.check);
    case Command::demo:
      return describe(line.demo);
    case Command::explain:
      return describe(line.explain);
    case Command::zoo:
      return describe_course(line.zoo);
    case Command::predict:
      return describe(line.predict);
    default:
      return {};
  }
}

}  // namespace

std::vector<Fact> facts_of(const CommandLine& line) {
  std::vector<Fact> facts;
  for (const auto& [name, value] : describe_build()) facts.push_back({"build", name, value});
  facts.push_back({"command", "the command", std::string(name_of(line.command))});
  for (const auto& [name, value] : options_of(line)) {
    facts.push_back({"configuration", "--" + name, value});
  }
  facts.push_back({"configuration", "--transport", text_of(to_string(line.transport))});
  if (line.watchdog > 0) facts.push_back({"configuration", "--watchdog", text_of(line.watchdog)});
  return facts;
}

}  // namespace colonnade::app
