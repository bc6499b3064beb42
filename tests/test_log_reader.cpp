// Logs as this version writes them, as older ones did, and damaged ones.
#include "app/log_reader.hpp"

#include <nlohmann/json.hpp>
#include <span>

#include "app/report_page.hpp"
#include "app/run_log.hpp"
#include "files.hpp"
#include "harness.hpp"

using namespace colonnade;
using namespace colonnade::app;

namespace {

LoggedRun read(const std::string& text) {
  return read_log(MemorySource("run.log", std::as_bytes(std::span(text))));
}
std::string refusal_of(const std::string& text) {
  return harness::error_of([&] { read(text); });
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

StepReport step_report(std::int64_t step) {
  return {.step = step,
          .total_steps = 4,
          .epoch = 1,
          .loss = 0.5,
          .learning_rate = 1e-3,
          .rows = 10,
          .seconds = 0.02,
          .communication = {.bytes_sent = 8, .seconds = 0.005},
          .gradient_norm = 1.0};
}

const std::string step_line =
    R"({"step":1,"epoch":1,"loss":2.5,"lr":0.001,"step_ms":4.0,"comm_ms":1.0,"samples_per_s":100.0})"
    "\n";

}  // namespace

TEST_CASE("what a run logs is read again") {
  const auto path = harness::temporary_folder() / "run.log";
  {
    RunLog log(path);
    log.on_begin({.options = {{"widths", "4,3"}, {"mesh", "dp=1,tp=2"}},
                  .mesh = {.dp = 1, .tp = 2},
                  .transport = "shared",
                  .threads = 3,
                  .parameters = 15,
                  .samples = 40,
                  .data = "abc",
                  .memory = {{1, 2, 3, 4}, {5, 6, 7, 8}}});
    log.on_step(step_report(1));
    log.on_step(step_report(2));
    log.on_epoch({.epoch = 1, .test = Evaluation{.loss = 0.25, .accuracy = 0.75}});
    log.on_ranks({.steps = 2,
                  .phases = {"product", "rest"},
                  .seconds = {{0.5, 0.25}, {0.75, 0}},
                  .peak_memory = {1000, 2000}});
  }
  const LoggedRun run = read_log(File::open(path));
  REQUIRE(run.steps.size() == 2);
  CHECK(run.steps[1].step == 2);
  CHECK(run.steps[1].loss == 0.5);
  CHECK(run.steps[1].learning_rate == 1e-3);
  CHECK(run.steps[1].step_ms == doctest::Approx(20).epsilon(1e-9));
  CHECK(run.steps[1].communication_ms == doctest::Approx(5).epsilon(1e-9));
  CHECK(run.steps[1].samples_per_second == doctest::Approx(500).epsilon(1e-9));
  REQUIRE(run.epochs.size() == 1);
  CHECK(run.epochs[0].step == 2);
  CHECK(run.epochs[0].test_accuracy == 0.75);
  REQUIRE(run.starts.size() == 1);
  CHECK(run.starts[0].after_step == 0);
  using Options = std::vector<std::pair<std::string, std::string>>;
  CHECK(run.starts[0].options == Options{{"widths", "4,3"}, {"mesh", "dp=1,tp=2"}});
  CHECK(run.starts[0].facts[0] == std::pair<std::string, std::string>("mesh", "dp=1,tp=2"));
  CHECK(run.starts[0].planned_memory == std::vector<double>{10, 26});
  REQUIRE(run.ranks);
  CHECK(run.ranks->seconds[1] == std::vector<double>{0.75, 0});
  CHECK(run.ranks->peak_memory == std::vector<double>{1000, 2000});
}

TEST_CASE("a run that goes on keeps what its ranks said before") {
  const auto path = harness::temporary_folder() / "run.log";
  const auto begin = [&](const Position& start) {
    RunLog log(path, start);
    log.on_begin({.options = {}, .mesh = {}, .transport = "", .data = "", .memory = {}});
    for (std::int64_t step = start.step + 1; step <= start.step + 2; ++step)
      log.on_step(step_report(step));
    log.on_ranks({.steps = 0, .phases = {}, .seconds = {}, .peak_memory = {start.step + 1}});
  };
  begin({});
  begin({.step = 2, .epoch = 1, .batch = 2});
  LoggedRun run = read_log(File::open(path));
  CHECK(run.steps.size() == 4);
  CHECK(run.starts.size() == 2);
  // What came after step 1 is gone, the lines between the steps too.
  begin({.step = 1, .epoch = 1, .batch = 1});
  run = read_log(File::open(path));
  CHECK(run.steps.size() == 3);
  REQUIRE(run.starts.size() == 2);
  CHECK(run.starts[1].after_step == 1);
}

TEST_CASE("an epoch that is evaluated again takes what the ranks said after it along") {
  const auto path = harness::temporary_folder() / "run.log";
  {
    RunLog log(path);
    log.on_step(step_report(1));
    log.on_epoch({.epoch = 1, .test = Evaluation{.loss = 0.25, .accuracy = 0.75}});
    log.on_ranks({.steps = 0, .phases = {}, .seconds = {}, .peak_memory = {1}});
    log.on_step(step_report(2));
    log.on_epoch({.epoch = 2, .test = Evaluation{.loss = 0.25, .accuracy = 0.75}});
    log.on_ranks({.steps = 0, .phases = {}, .seconds = {}, .peak_memory = {2}});
  }
  // The state after step 2 was saved before its epoch was evaluated.
  const RunLog log(path, {.step = 2, .epoch = 2, .batch = 1});
  const LoggedRun run = read_log(File::open(path));
  CHECK(run.steps.size() == 2);
  CHECK(run.epochs.size() == 1);
  REQUIRE(run.ranks);
  CHECK(run.ranks->peak_memory == std::vector<double>{1});
}

TEST_CASE("the log of an older version has steps and epochs alone") {
  const LoggedRun run = read(step_line +
                             R"({"epoch":1,"test_loss":0.5})"
                             "\n" +
                             R"({"step":3,"loss":null})"
                             "\n");
  CHECK(run.starts.empty());
  CHECK_FALSE(run.ranks);
  CHECK(run.epochs[0].test_loss == 0.5);
  CHECK_FALSE(run.epochs[0].test_accuracy);
  CHECK_FALSE(run.steps[1].loss);
  CHECK_FALSE(run.steps[1].samples_per_second);
}

TEST_CASE("a last line that was torn is left out") {
  CHECK(read(step_line + R"({"step":2,"lo)").steps.size() == 1);
}

TEST_CASE("what is no log is refused, with file and line") {
  CHECK(has(refusal_of(""), "run.log has no step of a run"));
  CHECK(has(refusal_of(step_line + "loss 3\n"),
            "run.log:2 is no line of a run's log: wanted a JSON object, found 'loss 3'"));
  CHECK(has(refusal_of(step_line + "\n" + step_line), "run.log:2 "));
  CHECK(has(refusal_of("[1]\n"), "run.log:1 is no line of a run's log: wanted an object"));
  CHECK(has(refusal_of("{\"a\":1}\n"), "wanted a step, an epoch"));
  CHECK(has(refusal_of("{\"step\":1.5}\n"), "wanted a whole number as 'step', found '1.5'"));
  CHECK(has(refusal_of("{\"step\":1,\"loss\":\"low\"}\n"), "wanted a number as 'loss'"));
  CHECK(has(refusal_of(step_line + step_line),
            "run.log:2 is no line of a run's log: wanted a step after 1"));
  CHECK(has(refusal_of("{\"run\":3}\n"), "wanted an object"));
  CHECK(has(refusal_of("{\"run\":{\"after_step\":0,\"options\":[1]}}\n"),
            "wanted a list of texts as 'options'"));
  CHECK(has(refusal_of("{\"run\":{\"after_step\":0,\"memory_plan\":[{\"a\":\"b\"}]}}\n"),
            "memory_plan"));
  CHECK(has(refusal_of("{\"ranks\":{\"phases\":[\"a\"],\"seconds\":[[1,2]]}}\n"),
            "a number for each phase"));
  CHECK(has(refusal_of("{\"step\":1,\"loss\":1,\"skipped\":[]}\n"),
            "wanted text or a number as 'skipped'"));
}

TEST_CASE("whatever becomes of a log's bytes, it is read or refused by an error") {
  const std::string whole =
      R"({"run":{"after_step":0,"threads":1,"options":["a=b"],"memory_plan":[{"moments":1.5}]}})"
      "\n" +
      step_line +
      R"({"epoch":1,"test_loss":0.5,"test_accuracy":null})"
      "\n"
      R"({"ranks":{"peak_memory":[1],"phases":["a"],"seconds":[[0.5]]}})"
      "\n";
  CHECK(refusal_of(whole) == "");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (refusal_of(whole.substr(0, i)) != "") ++refused;
    for (const char byte : {'"', '{', ']', '9', '-', ',', '\n', '\0', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = byte;
      if (refusal_of(damaged) != "") ++refused;
    }
  }
  CHECK(refused > whole.size());
  // Deeper than a stack.
  const std::string deep(1'000'000, '[');
  const std::string closed = deep + std::string(deep.size(), ']');
  CHECK(has(refusal_of(deep + "\n"), "wanted a JSON object"));
  CHECK(has(refusal_of(closed + "\n"), "wanted an object, found an array"));
  CHECK(has(refusal_of("{\"step\":" + closed + "}\n"), "found an array"));
  CHECK(has(refusal_of("{\"run\":{\"after_step\":0,\"memory_plan\":" + closed + "}}\n"),
            "memory_plan"));
  CHECK(has(refusal_of("{\"ranks\":{\"seconds\":" + closed + "}}\n"), "'seconds'"));
}

TEST_CASE(
    "the numbers of a page can't end their script, and mean many steps where there are many") {
  LoggedRun run;
  const std::size_t count = 2 * most_points + 1;
  for (std::size_t i = 1; i <= count; ++i) {
    LoggedStep step{.step = static_cast<std::int64_t>(i),
                    .loss = static_cast<double>(i),
                    .learning_rate = std::nullopt,
                    .samples_per_second = 100.0,
                    .step_ms = 4.0,
                    .communication_ms = 1.0,
                    .skipped = ""};
    if (i == 2) step.loss = std::nullopt;
    run.steps.push_back(std::move(step));
  }
  const std::string data = report_data({{"a name\xff", run}});
  const nlohmann::json json = nlohmann::json::parse(data);
  const auto& first = json["runs"][0];
  CHECK(has(first["name"].get<std::string>(), "a name"));
  const auto& points = first["points"];
  CHECK(points["together"] == 3);
  CHECK(points["step"].size() == (count + 2) / 3);
  CHECK(points["step"][0] == 3);
  CHECK(points["step"].back() == count);
  CHECK(points["loss"][0] == 2.0);  // of 1 and 3
  CHECK(points["lr"][0].is_null());
  CHECK(points["exposed"][1] == 0.25);
  CHECK(first["totals"]["seconds"] == doctest::Approx(4e-3 * static_cast<double>(count)));
}

TEST_CASE("a page is whole: every part is in its place") {
  LoggedRun run;
  run.steps.push_back({.step = 1,
                       .loss = 1.0,
                       .learning_rate = {},
                       .samples_per_second = {},
                       .step_ms = {},
                       .communication_ms = {},
                       .skipped = ""});
  const std::string html = report_page({{"@data@ @report.js@", run}});
  for (const char* mark : {"@licence@", "@uplot.css@", "@report.css@", "@uplot.js@"})
    CHECK_FALSE(has(html, mark));
  CHECK(has(html, "@data@ @report.js@"));  // a name is no mark
  CHECK(has(html, "The MIT License"));
  CHECK(has(html, "var uPlot"));
}

TEST_CASE("runs are called by the ends of their paths that tell them apart") {
  using Names = std::vector<std::string>;
  CHECK(names_of_runs({"logs/a.log", "b.log"}) == Names{"a.log", "b.log"});
  CHECK(names_of_runs({"x/run.log", "y/run.log", "z.log"}) ==
        Names{"x/run.log", "y/run.log", "z.log"});
  CHECK(names_of_runs({"run.log", "y/run.log"}) == Names{"run.log", "y/run.log"});
  CHECK(names_of_runs({"a.log", "a.log"}) == Names{"a.log", "a.log (2)"});
}
