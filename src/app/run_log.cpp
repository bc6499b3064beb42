#include "app/run_log.hpp"

#include <nlohmann/json.hpp>

#include "colonnade/error.hpp"

namespace colonnade::app {

using Json = nlohmann::ordered_json;

RunLog::RunLog(const std::string& path) : path_(path), file_(path, std::ios::trunc) {
  if (!file_) throw Error("--log " + path + " cannot be written", {.found = system_message()});
}

void RunLog::on_step(const StepReport& report) {
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

void RunLog::write(const std::string& line) {
  file_ << line << '\n';
  file_.flush();  // a run that is killed leaves its log up to the last step
  if (!file_) throw Error("--log " + path_ + " cannot be written", {.found = system_message()});
}

}  // namespace colonnade::app
