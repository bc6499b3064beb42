// What an option says comes out as text again, for every option that decides what is computed.
#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "app/configuration.hpp"
#include "harness.hpp"

using namespace colonnade::app;

namespace {

using Arguments = std::vector<std::string>;

/// Each option with another value than its own.
const Configuration train_values = {{"widths", "4,7,3"},
                                    {"activation", "relu"},
                                    {"activate-last", "true"},
                                    {"dropout", "0.1"},
                                    {"bias", "false"},
                                    {"seed", "9223372036854775807"},
                                    {"loss", "cross-entropy"},
                                    {"label-smoothing", "0.30000000000000004"},
                                    {"mesh", "dp=2"},
                                    {"layout", "pair"},
                                    {"zero1", "true"},
                                    {"exact", "true"},
                                    {"shards", "4"},
                                    {"row-blocks", "2"},
                                    {"overlap", "3"},
                                    {"recompute", "true"},
                                    {"batch", "7"},
                                    {"accumulate", "3"},
                                    {"clip", "1e-30"},
                                    {"math", "bf16"},
                                    {"on-nonfinite", "skip"},
                                    {"epochs", "3"},
                                    {"steps", "17"},
                                    {"schedule", "cosine"},
                                    {"warmup", "2"},
                                    {"decay", "5"},
                                    {"shuffle", "false"},
                                    {"lr", "0.002"},
                                    {"weight-decay", "0.05"},
                                    {"beta1", "0.8"},
                                    {"beta2", "0.95"},
                                    {"eps", "1e-09"},
                                    {"decay-bias", "true"}};

/// Where files are, what is shown, with how many threads.
const std::set<std::string> not_described = {
    "sentinel", "checkpoint", "every",   "keep",      "resume",    "time-limit",     "help",
    "data",     "inputs",     "targets", "load",      "save",      "dump-gradients", "ledger",
    "log",      "config",     "ranks",   "progress",  "threads",   "no-bind",        "bind",
    "dry-run",  "watchdog",   "trace",   "transport", "share-gpus"};

Arguments arguments_of(Arguments command, const Configuration& values) {
  for (const auto& [name, value] : values) command.push_back("--" + name + "=" + value);
  return command;
}

TrainOptions train_options(const Configuration& values) {
  return parse_command_line(arguments_of({"train", "mlp"}, values)).train;
}

/// The options that a command's help lists, as `  --NAME ...` and `  --NAME, !--NO-NAME`.
std::set<std::string> options_in_help(Arguments command) {
  command.push_back("--help");
  std::istringstream lines(parse_command_line(command).text);
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find("--");
    if (begin == std::string::npos || line.find_first_not_of(" -h,") < begin) continue;
    names.insert(line.substr(begin + 2, line.find_first_of(" ,{", begin) - begin - 2));
  }
  return names;
}

}  // namespace

TEST_CASE(
    "every option that decides what is computed is described, as the command line spells it") {
  const Configuration defaults = describe(train_options({}));
  for (const auto& value : train_values) {
    CAPTURE(value.first);
    const Configuration got = describe(train_options({value}));
    CHECK(std::count(defaults.begin(), defaults.end(), value) == 0);
    CHECK(std::count(got.begin(), got.end(), value) == 1);
  }
  CHECK(describe(train_options(train_values)) == train_values);
}

TEST_CASE("the description of any options gives the same options again") {
  const Configuration defaults = describe(train_options({}));
  CHECK(describe(train_options(defaults)) == defaults);
}

TEST_CASE("no option of training is forgotten") {
  std::set<std::string> known = not_described;
  for (const auto& value : train_values) known.insert(value.first);
  const std::set<std::string> names = options_in_help({"train", "mlp"});
  CHECK(names.size() > train_values.size());
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(known.count(name) == 1);
  }
}

TEST_CASE("the other commands are described by their options too") {
  const Configuration check = describe(
      parse_command_line({"check", "--widths=5,3", "--steps=3", "--samples=2", "--clip=0.5"})
          .check);
  for (const Configuration::value_type value :
       {std::pair{"widths", "5,3"}, std::pair{"steps", "3"}, std::pair{"samples", "2"},
        std::pair{"clip", "0.5"}})
    CHECK(std::count(check.begin(), check.end(), value) == 1);
  const Configuration bench = {{"widths", "5,3"},         {"batch", "6"},  {"layout", "pair"},
                               {"loss", "cross-entropy"}, {"clip", "0.5"}, {"seconds", "0.25"},
                               {"large-arrays", "false"}};
  const Configuration got =
      describe(parse_command_line(arguments_of({"bench", "mlp"}, bench)).bench);
  for (const Configuration::value_type& value : bench) {
    CAPTURE(value.first);
    CHECK(std::count(got.begin(), got.end(), value) == 1);
  }
  const Configuration predict = {{"batch", "6"},          {"mesh", "dp=2"},
                                 {"activation", "relu"},  {"activate-last", "true"},
                                 {"loss", "mean-square"}, {"layout", "pair"}};
  CHECK(describe(parse_command_line(arguments_of({"predict"}, predict)).predict) == predict);
  const Configuration demo = {{"batch", "3"}, {"width", "8"}, {"layers", "2"},
                              {"steps", "5"}, {"lr", "0.1"},  {"seed", "4"}};
  CHECK(describe(parse_command_line(arguments_of({"demo"}, demo)).demo) == demo);
  const Configuration explain = {{"widths", "5,3"},
                                 {"loss", "cross-entropy"},
                                 {"mesh", "dp=2"},
                                 {"batch", "6"},
                                 {"clip", "0.5"}};
  const Configuration told =
      describe(parse_command_line(arguments_of({"explain"}, explain)).explain);
  for (const Configuration::value_type& value : explain) {
    CAPTURE(value.first);
    CHECK(std::count(told.begin(), told.end(), value) == 1);
  }
}
