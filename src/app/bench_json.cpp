// The result of `colonnade bench` as JSON, for plots and for comparing machines.
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/bench_report.hpp"
#include "app/build.hpp"
#include "app/job.hpp"
#include "colonnade/device.hpp"
#include "colonnade/file.hpp"
#include "colonnade/version.hpp"

namespace colonnade::app {

namespace {

using Json = nlohmann::ordered_json;

/// `Intel(R) Xeon(R) Processor`, or "" where the system doesn't say.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

Json json_of(const Times& times) {
  return {{"median_s", times.median}, {"min_s", times.smallest}, {"max_s", times.largest}};
}

Json json_of(const MemoryRates& rates, double bytes) {
  return {{"arrays_bytes", bytes},
          {"copy_bytes_per_s", rates.copy},
          {"triad_bytes_per_s", rates.triad},
          {"update_bytes_per_s", rates.update}};
}

Json json_of(const MeasuredProduct& product) {
  return {{"layer", product.layer},
          {"product", to_string(product.product)},
          {"n", product.n},
          {"k", product.k},
          {"m", product.m},
          {"flops", product.flops},
          {"time", json_of(product.seconds)}};
}

Json json_of(const MessageLimit& message) {
  Json messages = Json::array();
  for (const auto& [bytes, seconds] : message.measured.messages) {
    messages.push_back({{"sent_bytes", bytes}, {"time_s", seconds}});
  }
  return {{"group", message.group},
          {"collective", to_string(message.measured.kind)},
          {"order", message.measured.order == SumOrder::tree ? "tree" : "any"},
          {"latency_s", message.measured.cost.latency},
          {"seconds_per_sent_byte", message.measured.cost.seconds_per_byte},
          {"messages", std::move(messages)}};
}

Json json_of(const Job& job, const TrainerOptions& trainer, Index parameters) {
  return {{"widths", job.model.widths},
          {"batch", trainer.batch},
          {"accumulate", trainer.accumulate},
          {"activation", to_string(job.model.activation)},
          {"layout", to_string(job.model.layout)},
          {"loss", to_string(job.loss.kind)},
          {"mesh", to_string(job.mesh)},
          {"zero1", job.zero1},
          {"exact_shards", job.model.shards},
          {"recompute", job.model.recompute},
          {"row_parts", job.model.row_parts},
          {"parameters", parameters}};
}

Json limits_json(const BenchResult& result) {
  const MachineLimits& limits = result.limits;
  Json json = {{"fma_flops_per_s", limits.fma_rate},
               {"products_flops_per_s", result.flops / limit_of(result).products}};
  if (limits.memory) json["memory_beyond_caches"] = json_of(*limits.memory, limits.memory_bytes);
  json["memory_at_model_size"] = json_of(limits.near_memory, limits.near_bytes);
  json["products"] = Json::array();
  for (const MeasuredProduct& product : limits.products) {
    json["products"].push_back(json_of(product));
  }
  json["collectives"] = Json::array();
  for (const MessageLimit& message : limits.messages) {
    json["collectives"].push_back(json_of(message));
  }
  return json;
}

Json step_json(const BenchResult& result) {
  const StepLimit limit = limit_of(result);
  const double median = result.step.seconds.median;
  const double rate = result.flops / median;
  return {{"steps", result.step.steps},
          {"time", json_of(result.step.seconds)},
          {"communication_s", result.step.communication},
          {"flops", result.flops},
          {"flops_per_s", rate},
          {"samples_per_s", static_cast<double>(result.trainer.batch) / median},
          {"limit_s", limit.total()},
          {"limit_products_s", limit.products},
          {"limit_optimizer_s", limit.update},
          {"limit_communication_s", limit.communication},
          {"limit_over_step", limit.total() / median},
          {"share_of_products", limit.products / median},
          {"share_of_fma", rate / result.limits.fma_rate}};
}

Json phases_json(const BenchResult& result) {
  Json phases = Json::array();
  for (const StepPart& part : parts_of(result)) {
    Json json = {{"name", part.name},
                 {"calls", part.calls},
                 {"time_s", part.seconds},
                 {"share_of_step", part.seconds / result.profile.seconds}};
    if (part.limit) json["limit_s"] = *part.limit;
    phases.push_back(std::move(json));
  }
  return phases;
}

}  // namespace

void write_json(const std::string& path, const BenchResult& result, const BenchOrigin& origin) {
  Json build;
  for (const auto& [name, value] : describe_build()) build[name] = value;
  const Json json = {{"version", std::string(version)},
                     {"arguments", origin.arguments},
                     {"build", std::move(build)},
                     {"machine",
                      {{"processor", processor()},
                       {"last_level_cache_bytes", last_level_cache()},
                       {"memory_bytes", present_memory()},
                       {"transport", origin.transport},
                       {"ranks", origin.devices.size()},
                       {"devices", origin.devices}}},
                     {"job", json_of(result.job, result.trainer, result.parameters)},
                     {"limits", limits_json(result)},
                     {"step", step_json(result)},
                     {"recorded_steps", result.profile.steps},
                     {"recorded_step_s", result.profile.seconds},
                     {"phases", phases_json(result)}};
  replace_file(path, json.dump(2) + "\n");
}

}  // namespace colonnade::app
