// A story as JSON, in the page that draws it.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/explain.hpp"
#include "app/pages.hpp"

namespace colonnade::app {

namespace {

using Json = nlohmann::ordered_json;

/// Six digits, which is more than is shown.
double rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return std::strtod(text.data(), nullptr);
}

Json json_of(Range range) {
  return {range.begin, range.end};
}

Json json_of(const Holding& holding) {
  Json values = Json::array();
  for (const double value : holding.values) values.push_back(rounded(value));
  return {{"rows", json_of(holding.rows)},
          {"cols", json_of(holding.cols)},
          {"run", json_of(holding.run)},
          {"values", std::move(values)}};
}

Json json_of(const StoryMatrix& matrix) {
  Json ranks = Json::array();
  for (const Holding& holding : matrix.ranks) ranks.push_back(json_of(holding));
  return {{"name", matrix.name},
          {"rows", matrix.rows},
          {"cols", matrix.cols},
          {"result", matrix.is_result},
          {"tp", to_string(matrix.tp)},
          {"dp", to_string(matrix.dp)},
          {"spread", describe_spread(matrix)},
          {"ranks", std::move(ranks)}};
}

Json json_of(const StoryCall& call) {
  Json pieces = Json::array(), transfers = Json::array();
  for (const Range piece : call.pieces) pieces.push_back(json_of(piece));
  for (const Transfer& transfer : call.transfers)
    transfers.push_back({{"from", transfer.from}, {"to", transfer.to}, {"bytes", transfer.bytes}});
  return {{"kind", to_string(call.kind)},
          {"group", call.group},
          {"account", call.account},
          {"overlaps", call.overlaps},
          {"groups", call.groups},
          {"by_columns", call.by_columns},
          {"pieces", std::move(pieces)},
          {"bytes_sent", call.bytes_sent},
          {"transfers", std::move(transfers)},
          {"sentences", sentences(call)},
          {"before", json_of(*call.before)},
          {"after", json_of(*call.after)}};
}

Json json_of(const Story& story, const StoryStep& step) {
  Json matrices = Json::array();
  for (const StoryMatrix& matrix : step.matrices) matrices.push_back(json_of(matrix));
  Json json = {{"section", step.section},
               {"site", step.site},
               {"equation", step.equation},
               {"reason", reason(story, step)},
               {"matrices", std::move(matrices)}};
  if (step.call) json["call"] = json_of(*step.call);
  return json;
}

}  // namespace

std::string explain_as_page(const Story& story, const std::string& verdict) {
  Json ranks = Json::array(), steps = Json::array();
  for (const StoryRank& rank : story.ranks)
    ranks.push_back({{"tp", rank.tp_rank}, {"dp", rank.dp_rank}});
  for (const StoryStep& step : story.steps) steps.push_back(json_of(story, step));
  const Json json = {{"facts", facts_of(story)},
                     {"verdict", verdict},
                     {"mesh", {{"tp", story.job.mesh.tp}, {"dp", story.job.mesh.dp}}},
                     {"ranks", std::move(ranks)},
                     {"steps", std::move(steps)}};
  return make_page("explain.html", json.dump());
}

}  // namespace colonnade::app
