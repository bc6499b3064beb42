#include "app/step_options.hpp"

#include <cstdint>
#include <limits>

#include "app/train_options.hpp"
#include "app/validators.hpp"

namespace colonnade::app {

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

}  // namespace

void add_bench_options(CLI::App& command, BenchOptions& bench) {
  add_model_options(command, bench.model);
  add_loss_options(command, bench.loss);
  add_parallel_options(command, bench.model, bench.parallel);
  add_step_options(command, bench.trainer, bench.clip);
  add_math_option(command, bench.math);
  command.add_option("--seconds", bench.seconds, "how long steps are timed")
      ->check(real_number(smallest_real, largest_real));
  command.add_flag("--large-arrays,!--no-large-arrays", bench.large_arrays,
                   "time memory with arrays beyond all caches too (default: yes)");
  command.add_option("--json", bench.json, "write every figure to a JSON file")
      ->type_name("FILE")
      ->check(not_empty("the path of a file"));
}

void add_check_options(CLI::App& command, CheckOptions& check) {
  add_model_options(command, check.model);
  add_loss_options(command, check.loss);
  add_parallel_options(command, check.model, check.parallel);
  add_step_options(command, check.trainer, check.clip);
  command.add_option("--steps", check.trainer.steps, "optimizer steps to compare")
      ->transform(whole_number(1, 1000));
  command.add_option("--samples", check.samples, "elements of each shard to differentiate by")
      ->transform(whole_number(1, largest));
}

void add_demo_options(CLI::App& command, DemoOptions& demo) {
  command.add_option("--batch", demo.batch, "rows")->transform(whole_number(1, 1 << 20));
  command.add_option("--width", demo.width, "features of each layer")
      ->transform(whole_number(1, 1 << 16));
  command.add_option("--layers", demo.layers, "layers")->transform(whole_number(1, 1024));
  command.add_option("--steps", demo.steps, "optimizer steps")->transform(whole_number(1, largest));
  command.add_option("--lr", demo.learning_rate, "AdamW: learning rate")
      ->check(real_number(0, largest_real));
  command.add_option("--seed", demo.seed, "of weights and data")
      ->transform(whole_number(0, largest));
  add_math_option(command, demo.math);
}

void add_explain_options(CLI::App& command, ExplainOptions& explain) {
  add_model_options(command, explain.model);
  add_loss_options(command, explain.loss);
  add_parallel_options(command, explain.model, explain.parallel);
  add_step_options(command, explain.trainer, explain.clip);
  command
      .add_option("--html", explain.html,
                  "write a page for a browser, which goes through the step forwards and backwards")
      ->type_name("FILE")
      ->check(not_empty("the path of a file"));
}

void add_zoo_options(CLI::App& command, ZooOptions& zoo) {
  command.add_option("NAME", zoo.names, "run these mistakes alone")->type_name("")->default_str("");
  command.add_flag("--list", zoo.list, "say the names of all, and run none");
  command.add_option("--steps", zoo.steps, "optimizer steps of the loss curves")
      ->transform(whole_number(1, 10000));
}

}  // namespace colonnade::app
