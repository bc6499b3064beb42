#include "app/report_page.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/pages.hpp"
#include "colonnade/version.hpp"

namespace colonnade::app {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Measured& value) {
  return value ? Json(*value) : Json();
}

/// The mean of the numbers that are there.
class Mean {
 public:
  void add(const Measured& value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  Measured value() const {
    return count_ > 0 ? Measured(sum_ / static_cast<double>(count_)) : std::nullopt;
  }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

/// Share of a step in which its messages were not hidden by computing.
Measured exposed_share(const LoggedStep& step) {
  if (!step.step_ms || !step.communication_ms || *step.step_ms <= 0) return std::nullopt;
  return *step.communication_ms / *step.step_ms;
}

/// A list for each quantity; a point stands at the last of its steps.
Json points_of(const std::vector<LoggedStep>& steps) {
  const std::size_t together = (steps.size() + most_points - 1) / most_points;
  Json points{{"together", together}, {"step", Json::array()},          {"loss", Json::array()},
              {"lr", Json::array()},  {"samples_per_s", Json::array()}, {"exposed", Json::array()}};
  for (std::size_t begin = 0; begin < steps.size(); begin += together) {
    const std::size_t end = std::min(begin + together, steps.size());
    Mean loss, lr, speed, exposed;
    for (std::size_t i = begin; i < end; ++i) {
      loss.add(steps[i].loss);
      lr.add(steps[i].learning_rate);
      speed.add(steps[i].samples_per_second);
      exposed.add(exposed_share(steps[i]));
    }
    points["step"].push_back(steps[end - 1].step);
    points["loss"].push_back(json_of(loss.value()));
    points["lr"].push_back(json_of(lr.value()));
    points["samples_per_s"].push_back(json_of(speed.value()));
    points["exposed"].push_back(json_of(exposed.value()));
  }
  return points;
}

/// Sums over all steps, from which the page makes rates.
Json totals_of(const LoggedRun& run) {
  double seconds = 0, communication = 0, samples = 0;
  std::int64_t skipped = 0;
  for (const LoggedStep& step : run.steps) {
    const double step_seconds = step.step_ms.value_or(0) * 1e-3;
    seconds += step_seconds;
    communication += step.communication_ms.value_or(0) * 1e-3;
    samples += step.samples_per_second.value_or(0) * step_seconds;
    if (!step.skipped.empty()) ++skipped;
  }
  return {{"steps", run.steps.size()},
          {"seconds", seconds},
          {"communication_seconds", communication},
          {"samples", samples},
          {"skipped", skipped}};
}

Json json_of(const LoggedRun& run) {
  Json json{{"points", points_of(run.steps)},
            {"totals", totals_of(run)},
            {"epochs", Json::array()},
            {"starts", Json::array()}};
  for (const LoggedEpoch& epoch : run.epochs) {
    json["epochs"].push_back({{"epoch", epoch.epoch},
                              {"step", epoch.step},
                              {"test_loss", json_of(epoch.test_loss)},
                              {"test_accuracy", json_of(epoch.test_accuracy)}});
  }
  for (const LoggedStart& start : run.starts) {
    json["starts"].push_back({{"after_step", start.after_step},
                              {"facts", start.facts},
                              {"options", start.options},
                              {"planned_memory", start.planned_memory}});
  }
  if (run.ranks) {
    json["ranks"] = {{"phases", run.ranks->phases},
                     {"seconds", run.ranks->seconds},
                     {"peak_memory", run.ranks->peak_memory}};
  }
  return json;
}

}  // namespace

std::string report_data(const std::vector<NamedRun>& runs) {
  Json all{{"version", version}, {"runs", Json::array()}};
  for (const NamedRun& run : runs) {
    Json json = json_of(run.run);
    json["name"] = run.name;
    all["runs"].push_back(std::move(json));
  }
  return all.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string report_page(const std::vector<NamedRun>& runs) {
  return make_page("report.html", report_data(runs));
}

std::vector<std::string> names_of_runs(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> rest(paths.begin(), paths.end());
  std::vector<std::filesystem::path> names(paths.size());
  const auto occurs_twice = [&](const std::filesystem::path& name) {
    return std::count(names.begin(), names.end(), name) > 1;
  };
  std::vector<bool> grows(paths.size(), true);
  while (std::find(grows.begin(), grows.end(), true) != grows.end()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!grows[i]) continue;
      names[i] = names[i].empty() ? rest[i].filename() : rest[i].filename() / names[i];
      rest[i] = rest[i].has_relative_path() ? rest[i].parent_path() : "";
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      grows[i] = !rest[i].filename().empty() && occurs_twice(names[i]);
    }
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto before =
        std::count(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]);
    texts.push_back(names[i].string() +
                    (before > 0 ? " (" + std::to_string(before + 1) + ")" : ""));
  }
  return texts;
}

}  // namespace colonnade::app
