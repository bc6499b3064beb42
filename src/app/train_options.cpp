#include "app/train_options.hpp"

#include <limits>
#include <string>

#include "app/validators.hpp"

namespace colonnade::app {

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t largest_size = std::int64_t{1} << 31;

void add_data_options(CLI::App& command, TrainOptions& train) {
  command.add_option("--data", train.data, "folder in MNIST's layout (IDX files)")
      ->type_name("DIR");
  command.add_option("--inputs", train.inputs, "NPY matrix [n, in]: regression")->type_name("FILE");
  command.add_option("--targets", train.targets, "NPY matrix [n, out]")->type_name("FILE");
}

void add_nonfinite_option(CLI::App& command, TrainerOptions& trainer) {
  command
      .add_option_function<std::string>(
          "--on-nonfinite",
          [&trainer](const std::string& name) {
            trainer.on_nonfinite = name == "skip" ? OnNonfinite::skip : OnNonfinite::stop;
          },
          "stop, or skip the update, where loss or gradients are not finite (default: stop)")
      ->type_name("NAME")
      ->check(one_of({"stop", "skip"}));
}

void add_trainer_options(CLI::App& command, TrainerOptions& trainer) {
  command
      .add_option("--epochs", trainer.epochs,
                  "passes over the data (default: 1, or what --steps takes)")
      ->default_str("")
      ->transform(whole_number(1, largest));
  command.add_option("--steps", trainer.steps, "end after so many optimizer steps")
      ->transform(whole_number(1, largest))
      ->default_str("");
  command
      .add_option_function<std::string>(
          "--schedule",
          [&trainer](const std::string& name) { trainer.schedule = schedule_from(name); },
          "of the learning rate: constant, cosine, linear or warmup-stable-decay (default: "
          "constant)")
      ->type_name("NAME")
      ->check(one_of({"constant", "cosine", "linear", "warmup-stable-decay"}));
  command.add_option("--warmup", trainer.warmup, "steps in which the learning rate rises")
      ->transform(whole_number(0, largest));
  command
      .add_option("--decay", trainer.decay,
                  "steps in which warmup-stable-decay falls (default: a fifth of all)")
      ->transform(whole_number(1, largest))
      ->default_str("");
  command.add_flag("--shuffle,!--no-shuffle", trainer.shuffle,
                   "another order each epoch, keyed by (seed, epoch) (default: yes)");
}

void add_optimizer_options(CLI::App& command, AdamWOptions& adamw) {
  command.add_option("--lr", adamw.learning_rate, "AdamW: learning rate")
      ->check(real_number(0, largest_real));
  command.add_option("--weight-decay", adamw.weight_decay, "AdamW: decoupled decay")
      ->check(real_number(0, largest_real));
  command.add_option("--beta1", adamw.beta1, "AdamW: decay of the first moment")
      ->check(real_number(0, below_one));
  command.add_option("--beta2", adamw.beta2, "AdamW: decay of the second moment")
      ->check(real_number(0, below_one));
  command.add_option("--eps", adamw.eps, "AdamW: added to the root of the second moment")
      ->check(real_number(smallest_real, largest_real));
  command.add_flag("--decay-bias", adamw.decay_bias, "decay biases like weights");
}

void add_checkpoint_options(CLI::App& command, CheckpointOptions& checkpoint) {
  command
      .add_option("--checkpoint", checkpoint.folder,
                  "folder for checkpoints: all that --resume needs to go on")
      ->type_name("DIR")
      ->check(not_empty("the path of a folder"));
  command
      .add_option("--every", checkpoint.every,
                  "steps from one checkpoint to the next (default: an epoch)")
      ->transform(whole_number(1, largest))
      ->default_str("");
  command.add_option("--keep", checkpoint.keep, "newest checkpoints that stay (default: 3)")
      ->transform(whole_number(1, 1'000'000))
      ->default_str("");
  command
      .add_option("--resume", checkpoint.resume,
                  "go on from a checkpoint; auto: the newest in --checkpoint, or begin anew")
      ->type_name("auto|FILE")
      ->check(not_empty("auto or the path of a checkpoint"));
  command
      .add_option_function<std::string>(
          "--time-limit",
          [&checkpoint](const std::string& text) { checkpoint.time_limit = seconds_of(text); },
          "save a checkpoint and stop after this time: 55m, 1h30m, 90s")
      ->type_name("TIME")
      ->check(duration());
}

void add_file_options(CLI::App& command, TrainOptions& train) {
  command.add_option("--load", train.load, "start from the parameters in a safetensors file")
      ->type_name("FILE");
  command.add_option("--save", train.save, "write the trained parameters to a safetensors file")
      ->type_name("FILE");
  command
      .add_option("--dump-gradients", train.dump_gradients,
                  "write the last step's gradients to a safetensors file")
      ->type_name("FILE");
  command.add_flag("--ledger", train.ledger,
                   "print what formulas say a step sends, and end if a step sends anything else");
  command
      .add_option("--sentinel", train.sentinel,
                  "every N steps compare what ranks hold copies of, and end if any differ")
      ->transform(whole_number(1, largest))
      ->default_str("");
  command.add_flag("--dry-run", train.dry_run,
                   "print parameters, memory and what a step sends, and don't train");
  command.add_option("--log", train.log, "write a JSON line for each step and epoch")
      ->type_name("FILE");
  command
      .add_option("--trace", train.trace,
                  "write what each rank did when, for ui.perfetto.dev or chrome://tracing")
      ->type_name("FILE");
  command
      .add_option("--progress", train.progress,
                  "line (redrawn), plain (printed) or auto: line on a terminal")
      ->type_name("NAME")
      ->check(one_of({"auto", "line", "plain"}));
  command
      .add_option("--config", train.config, "TOML file with these options; the command line wins")
      ->type_name("FILE");
}

}  // namespace

void add_model_options(CLI::App& command, MlpOptions& model) {
  command
      .add_option_function<std::string>(
          "--widths", [&model](const std::string& text) { model.widths = whole_numbers(text); },
          "layer widths, input first: 784,1024,10")
      ->check(list_of_whole_numbers(1, largest_size))
      ->type_name("N,N,...");
  command
      .add_option_function<std::string>(
          "--activation",
          [&model](const std::string& name) { model.activation = activation_from(name); },
          "gelu-tanh, gelu-erf, relu or identity (default: gelu-tanh)")
      ->type_name("NAME")
      ->check(one_of({"gelu-tanh", "gelu-erf", "relu", "identity"}));
  command.add_flag("--activate-last", model.activate_last, "activation after the last layer too");
  command.add_option("--dropout", model.dropout, "share of each hidden activation that is dropped")
      ->check(real_number(0, below_one));
  command.add_flag("--bias,!--no-bias", model.bias, "biases in every layer (default: yes)");
  command.add_option("--seed", model.seed, "of weights, of the shuffle and of dropout")
      ->transform(whole_number(0, largest));
}

void add_loss_options(CLI::App& command, LossOptions& loss) {
  command
      .add_option_function<std::string>(
          "--loss", [&loss](const std::string& name) { loss.kind = loss_from(name); },
          "mean-square or cross-entropy (default: mean-square)")
      ->type_name("NAME")
      ->check(one_of({"mean-square", "cross-entropy"}));
  command
      .add_option("--label-smoothing", loss.label_smoothing,
                  "cross-entropy: share of each target that is spread over all classes")
      ->check(real_number(0, below_one));
}

void add_parallel_options(CLI::App& command, MlpOptions& model, ParallelOptions& parallel) {
  command
      .add_option("--mesh", parallel.mesh,
                  "dp=2,tp=4: copies of the model, and ranks that share one (default: all tp)")
      ->type_name("SHAPE");
  command
      .add_option_function<std::string>(
          "--layout", [&model](const std::string& name) { model.layout = layout_from(name); },
          "gather: every layer cut by outputs; pair: by outputs and inputs in turn (default: "
          "gather)")
      ->type_name("NAME")
      ->check(one_of({"gather", "pair"}));
  command.add_flag("--zero1", parallel.zero1,
                   "cut the optimizer's moments among data-parallel ranks");
  command.add_flag("--exact", parallel.exact,
                   "the same bits on any number of ranks that divides --shards, --row-blocks");
  command.add_option("--shards", parallel.shards, "exact: shards of each layer (default: 8)")
      ->transform(whole_number(1, 1 << 16))
      ->default_str("");
  command
      .add_option("--row-blocks", parallel.row_blocks, "exact: blocks of each batch (default: 1)")
      ->transform(whole_number(1, 1 << 16))
      ->default_str("");
  command
      .add_option("--overlap", parallel.overlap,
                  "parts of a batch: one's messages go on while another is computed; 1: none\n"
                  "(default: 2 or 4 over MPI, where messages are long)")
      ->transform(whole_number(1, 64))
      ->default_str("");
  command.add_flag("--recompute", model.recompute,
                   "keep layer inputs alone and compute the rest again in backward");
}

void add_step_options(CLI::App& command, TrainerOptions& trainer, double& clip) {
  command.add_option("--batch", trainer.batch, "samples in a step")
      ->transform(whole_number(1, largest_size));
  command
      .add_option("--accumulate", trainer.accumulate,
                  "micro-batches that a batch is cut into, one after the other")
      ->transform(whole_number(1, largest_size));
  command.add_option("--clip", clip, "largest norm of all gradients together (default: unbounded)")
      ->check(real_number(smallest_real, largest_real))
      ->default_str("");
}

void add_math_option(CLI::App& command, Math& math) {
  command
      .add_option_function<std::string>(
          "--math", [&math](const std::string& name) { math = math_from(name); },
          "what a GPU multiplies floats in: fp32, or rounded to tf32 or bf16, which is faster "
          "(default: fp32)")
      ->type_name("NAME")
      ->check(one_of({"fp32", "tf32", "bf16"}));
}

void add_train_options(CLI::App& command, TrainOptions& train) {
  add_data_options(command, train);
  add_model_options(command, train.model);
  add_loss_options(command, train.loss);
  add_parallel_options(command, train.model, train.parallel);
  add_step_options(command, train.trainer, train.clip);
  add_math_option(command, train.math);
  add_nonfinite_option(command, train.trainer);
  add_trainer_options(command, train.trainer);
  add_optimizer_options(command, train.adamw);
  add_checkpoint_options(command, train.checkpoint);
  add_file_options(command, train);
}

}  // namespace colonnade::app
