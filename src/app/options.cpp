#include "app/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "app/config_file.hpp"
#include "app/report_options.hpp"
#include "app/step_options.hpp"
#include "app/train_options.hpp"
#include "app/validators.hpp"
#include "colonnade/version.hpp"

namespace colonnade::app {

namespace {

TransportChoice transport_from(const std::string& name) {
  if (name == "shared") return TransportChoice::shared;
  return name == "mpi" ? TransportChoice::mpi : TransportChoice::automatic;
}

void add_device_options(CLI::App& command, CommandLine& line) {
  DeviceOptions& device = line.device;
  command
      .add_option("--ranks", line.ranks,
                  "run this many ranks as threads of one process, without mpiexec")
      ->transform(whole_number(1, 1024))
      ->default_str("");
  command
      .add_option_function<std::string>(
          "--transport",
          [&line](const std::string& name) { line.transport = transport_from(name); },
          "between processes: shared memory of one node, mpi, or auto: the first where it is "
          "possible (default: auto)")
      ->type_name("NAME")
      ->check(one_of({"auto", "shared", "mpi"}));
  command
      .add_option("--threads", device.threads,
                  "OpenMP threads of each rank (default: cores of the node / ranks on it)")
      ->transform(whole_number(1, 4096))
      ->default_str("");
  command.add_flag("--bind,!--no-bind", device.bind,
                   "give each rank cores of its own, if there are enough (default: yes)");
  command.add_flag("--share-gpus", device.share_gpus,
                   "let several ranks compute on one GPU, if there are too few");
  command
      .add_option("--watchdog", line.watchdog,
                  "seconds that a collective may last: then say where each rank is, and end")
      ->check(real_number(smallest_real, largest_real))
      ->default_str("");
}

/// The command line of this program, bound to the fields of `line`.
class Parser {
 public:
  explicit Parser(CommandLine& line)
      : app_("Tensor-parallel training on CPU clusters", "colonnade") {
    app_.set_version_flag("--version", "colonnade " + std::string(version));
    app_.require_subcommand(1);
    app_.option_defaults()->always_capture_default();
    app_.get_formatter()->label("INT", "N");
    app_.get_formatter()->label("UINT", "N");
    app_.get_formatter()->label("FLOAT", "X");
    app_.get_formatter()->column_width(28);
    CLI::App* train = app_.add_subcommand("train", "train a network");
    train->require_subcommand(1);
    train_mlp_ = add(Command::train_mlp, *train, "mlp",
                     "a multi-layer perceptron of tensor-parallel layers");
    add_train_options(*train_mlp_, line.train);
    add_device_options(*train_mlp_, line);

    CLI::App* bench =
        app_.add_subcommand("bench", "time a training step against the machine's limit");
    bench->require_subcommand(1);
    CLI::App* bench_mlp =
        add(Command::bench_mlp, *bench, "mlp", "of the perceptron that train mlp would train");
    add_bench_options(*bench_mlp, line.bench);
    add_device_options(*bench_mlp, line);

    CLI::App* check =
        add(Command::check, app_, "check", "prove a job on these ranks: gradients, sums, messages");
    add_check_options(*check, line.check);
    add_device_options(*check, line);

    CLI::App* demo =
        add(Command::demo, app_, "demo", "the smallest tensor-parallel job; proves its gradients");
    add_demo_options(*demo, line.demo);
    add_device_options(*demo, line);

    CLI::App* explain = add(Command::explain, app_, "explain",
                            "a training step of a small model: every number and message");
    add_explain_options(*explain, line.explain);
    add_device_options(*explain, line);
    explain->get_option("--ranks")->default_str(std::to_string(explain_ranks));

    CLI::App* zoo =
        add(Command::zoo, app_, "zoo", "mistakes that real systems shipped, run and caught");
    add_zoo_options(*zoo, line.zoo);
    add_device_options(*zoo, line);
    zoo->get_option("--ranks")->default_str(std::to_string(zoo_ranks));

    CLI::App* inspect = add(Command::inspect, app_, "inspect",
                            "what a checkpoint or another safetensors file holds");
    inspect->add_option("FILE", line.inspect.file, "verified if it has checksums")
        ->type_name("")
        ->required();

    add_report_options(*add(Command::report, app_, "report", "logs of runs as a page of charts"),
                       line.report);

    CLI::App* predict = add(Command::predict, app_, "predict",
                            "what a trained model gets right and wrong of a test set");
    add_predict_options(*predict, line.predict);
    add_device_options(*predict, line);

    CLI::App* info =
        add(Command::info, app_, "info", "version, build, libraries, ranks and binding");
    add_device_options(*info, line);
  }

  /// Fills the fields. Returns the text that was asked for instead, of help or version.
  std::optional<std::string> parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      return app_.help();
    } catch (const CLI::CallForVersion& call) {
      return std::string(call.what()) + "\n";
    } catch (const CLI::RequiredError&) {
      if (innermost_command().get_name() == "inspect")
        throw Error("no file to inspect", {.wanted = "colonnade inspect FILE"});
      // No option is required, so it is a command that is missing.
      const std::string found = unknown_arguments();
      throw Error(found.empty() ? "no command" : "no such command",
                  {.wanted = command_choices(),
                   .found = found.empty() ? "" : "'" + found + "'",
                   .hint = "see '" + command_name() + " --help'"});
    } catch (const CLI::ExtrasError&) {
      throw Error("unknown argument: " + unknown_arguments(),
                  {.hint = "see '" + command_name() + " --help'"});
    } catch (const CLI::ParseError& error) {
      std::string message = error.what();
      std::replace(message.begin(), message.end(), '\n', ' ');
      throw Error(message, {.hint = "see '" + command_name() + " --help'"});
    }
    return std::nullopt;
  }

  /// What was asked for, after parse.
  Command command() const {
    for (const auto& [app, command] : commands_) {
      if (app->parsed()) return command;
    }
    return Command::print;
  }

  CLI::App& train_mlp() { return *train_mlp_; }

 private:
  CLI::App* add(Command command, CLI::App& parent, const std::string& name,
                const std::string& description) {
    CLI::App* app = parent.add_subcommand(name, description);
    commands_.emplace_back(app, command);
    return app;
  }

  /// The command that the arguments have named so far.
  const CLI::App& innermost_command() const {
    const CLI::App* command = &app_;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    return *command;
  }

  std::string command_name() const {
    std::string name;
    for (const CLI::App* command = &innermost_command(); command != nullptr;
         command = command->get_parent()) {
      name = command->get_name() + (name.empty() ? "" : " ") + name;
    }
    return name;
  }

  std::string command_choices() const {
    std::vector<std::string> names;
    for (const CLI::App* command : innermost_command().get_subcommands(nullptr)) {
      names.push_back(command->get_name());
    }
    return alternatives(names);
  }

  std::string unknown_arguments() const {
    std::string text;
    for (const std::string& argument : app_.remaining(true)) {
      text += (text.empty() ? "" : " ") + argument;
    }
    return text;
  }

  CLI::App app_;
  std::vector<std::pair<const CLI::App*, Command>> commands_;
  CLI::App* train_mlp_;
};

/// The options of a TOML file as arguments, without those that the command line has given.
std::vector<std::string> arguments_of_file(const std::string& path, const CLI::App& command) {
  std::vector<std::string> arguments;
  for (const auto& [name, value] : read_config_file(path)) {
    const CLI::Option* option = command.get_option_no_throw("--" + name);
    if (option == nullptr || name == "config" || name == "help") {
      throw Error("--config " + path + ": unknown option '" + name + "'",
                  {.wanted = "options of 'colonnade train mlp', without --"});
    }
    if (option->count() == 0) arguments.push_back("--" + name + "=" + value);
  }
  return arguments;
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  Parser parser(line);
  if (auto text = parser.parse(arguments)) {
    line.text = *text;
    return line;
  }
  line.command = parser.command();
  line.check.trainer.seed = line.check.model.seed;
  line.explain.trainer.seed = line.explain.model.seed;
  line.bench.trainer.seed = line.bench.model.seed;
  line.bench.arguments = arguments;
  if (line.command != Command::train_mlp) return line;

  bool epochs_given = parser.train_mlp().count("--epochs") > 0;
  if (!line.train.config.empty()) {
    std::vector<std::string> all = arguments;
    const std::string path = line.train.config;
    for (std::string& argument : arguments_of_file(path, parser.train_mlp())) {
      all.push_back(std::move(argument));
    }
    line = {};
    Parser again(line);
    try {
      again.parse(all);
    } catch (const Error& error) {
      throw Error::agreed("--config " + path + ": " + error.what());
    }
    line.command = Command::train_mlp;
    epochs_given = again.train_mlp().count("--epochs") > 0;
  }
  // Steps alone say how long to train; epochs bound them only where they were asked for.
  if (line.train.trainer.steps > 0 && !epochs_given) line.train.trainer.epochs = 0;
  line.train.trainer.seed = line.train.model.seed;
  return line;
}

}  // namespace colonnade::app
