#include "app/run_log.hpp"

#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "colonnade/error.hpp"
#include "colonnade/scalar.hpp"
#include "colonnade/version.hpp"

namespace colonnade::app {

using Json = nlohmann::ordered_json;

namespace {

/// Bytes of the lines that precede `start`. Those after it belong to steps that are done again, or
/// to the epoch under way, which is evaluated again; the last may be torn. A line that is neither a
/// step nor an epoch goes with the one before it.
std::uintmax_t bytes_before(const std::string& path, const Position& start) {
  std::ifstream file(path);
  std::uintmax_t read = 0, wanted = 0;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    const bool is_kept = wanted == read;
    read += line.size() + 1;
    const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object()) break;
    if (entry.contains("run") || entry.contains("ranks")) {
      if (is_kept) wanted = read;
      continue;
    }
    const bool is_step = entry.contains("step");
    const auto number = entry.find(is_step ? "step" : "epoch");
    if (number == entry.end() || !number->is_number_integer()) break;
    const auto reached = number->get<std::int64_t>();
    if (is_step && reached > start.step) break;
    if (is_step || reached < start.epoch) wanted = read;
  }
  return wanted;
}

Json bytes_of(const MemoryPlan& plan) {
  return {{"parameters", plan.parameters},
          {"gradients", plan.gradients},
          {"moments", plan.moments},
          {"activations", plan.activations}};
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

RunLog::RunLog(const std::string& path, const Position& start) : path_(path), step_(start.step) {
  const bool goes_on = start.step > 0;
  std::error_code failed;
  if (goes_on && std::filesystem::exists(path)) {
    std::filesystem::resize_file(path, bytes_before(path, start), failed);
  }
  if (failed) throw Error("--log " + path + " cannot be written", {.found = failed.message()});
  file_.open(path, goes_on ? std::ios::app : std::ios::trunc);
  if (!file_) throw Error("--log " + path + " cannot be written", {.found = system_message()});
}

void RunLog::on_begin(const RunFacts& facts) {
  Json run{{"started", time_of_day()},
           {"after_step", step_},
           {"version", version},
           {"scalar", scalar_name},
           {"mesh", to_string(facts.mesh)},
           {"transport", facts.transport},
           {"threads", facts.threads},
           {"parameters", facts.parameters},
           {"samples", facts.samples},
           {"data", facts.data},
           {"options", Json::array()},
           {"memory_plan", Json::array()}};
  for (const auto& [name, value] : facts.options) run["options"].push_back(name + "=" + value);
  for (const MemoryPlan& plan : facts.memory) run["memory_plan"].push_back(bytes_of(plan));
  write(Json{{"run", std::move(run)}}.dump());
}

void RunLog::on_step(const StepReport& report) {
  step_ = report.step;
  const double communication_ms = report.communication.seconds * 1e3;
  const double step_ms = report.seconds * 1e3;
  Json line{{"step", report.step},
            {"epoch", report.epoch},
            {"loss", report.loss},
            {"lr", report.learning_rate},
            {"step_ms", step_ms},
            {"compute_ms", step_ms - communication_ms},
            {"comm_ms", communication_ms},
            {"comm_bytes", report.communication.bytes_sent},
            {"samples_per_s", static_cast<double>(report.rows) / report.seconds}};
  if (report.gradient_norm) line["gradient_norm"] = *report.gradient_norm;
  if (!report.skipped.empty()) line["skipped"] = report.skipped;
  write(line.dump());
}

void RunLog::on_epoch(const EpochReport& report) {
  if (!report.test) return;
  Json line{{"epoch", report.epoch}, {"test_loss", report.test->loss}};
  if (report.test->accuracy) line["test_accuracy"] = *report.test->accuracy;
  write(line.dump());
}

void RunLog::on_ranks(const RankReport& report) {
  Json ranks{{"after_step", step_}, {"peak_memory", report.peak_memory}};
  if (report.steps > 0) {
    ranks["typical_steps"] = report.steps;
    ranks["phases"] = report.phases;
    ranks["seconds"] = report.seconds;
  }
  write(Json{{"ranks", std::move(ranks)}}.dump());
}

void RunLog::write(const std::string& line) {
  file_ << line << '\n';
  file_.flush();  // a run that is killed leaves its log up to the last step
  if (!file_) throw Error("--log " + path_ + " cannot be written", {.found = system_message()});
}

}  // namespace colonnade::app
