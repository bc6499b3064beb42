#include "app/resumable.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "colonnade/file.hpp"

namespace colonnade::app {

namespace {

// What the tensors and the position in the data mean depends on these.
constexpr std::array<std::string_view, 10> fixed = {
    "widths", "activation", "activate-last",   "dropout", "bias",
    "seed",   "loss",       "label-smoothing", "batch",   "shuffle"};

// How the work is spread over ranks changes no result but for its last bits, and in exact mode
// most of it not even these.
constexpr std::array<std::string_view, 7> fast_bits = {
    "layout", "accumulate", "exact", "shards", "row-blocks", "zero1", "overlap"};
constexpr std::array<std::string_view, 4> exact_bits = {"layout", "exact", "shards", "row-blocks"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string value_or_none(const std::map<std::string, std::string>& options,
                          const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? "not given" : found->second;
}

[[noreturn]] void refuse(const std::string& path, const std::string& what,
                         const std::string& wanted, const std::string& found) {
  const Error error(
      "cannot resume from " + path + ": it comes from a run with another " + what,
      {.wanted = wanted, .found = found, .hint = "--load takes its parameters alone"});
  throw NotResumable(Error::agreed(error.what()));
}

}  // namespace

std::vector<std::string> check_resumable(const std::string& path, const CheckpointInfo& info,
                                         const RunIdentity& run) {
  const std::map<std::string, std::string> now(run.configuration.begin(), run.configuration.end());
  std::set<std::string> names;
  for (const auto& [name, value] : now) names.insert(name);
  for (const auto& [name, value] : info.options) names.insert(name);
  names.erase("mesh");  // as it was asked for; what came of it is compared below

  const bool exact = value_or_none(now, "exact") == "true";
  std::vector<std::string> lines;
  const bool same_ranks = info.mesh == run.mesh && info.arithmetic.ranks == run.arithmetic.ranks;
  const auto tell = [&](const std::string& what, const std::string& before,
                        const std::string& after) {
    lines.push_back(printable(what) + " was " + printable(before) + " and is now " + after);
  };
  bool same_bits = info.arithmetic.build == run.arithmetic.build && (exact || same_ranks);
  for (const std::string& name : names) {
    const std::string before = value_or_none(info.options, name);
    const std::string after = value_or_none(now, name);
    if (before == after) continue;
    if (contains(fixed, name)) refuse(path, "--" + name, printable(before), after);
    tell("--" + name, before, after);
    same_bits &= exact ? !contains(exact_bits, name) : !contains(fast_bits, name);
  }
  if (info.scalar != scalar_name) {
    refuse(path, "number type", printable(info.scalar), std::string(scalar_name));
  }
  if (info.data != run.data) {
    refuse(path, "data set", "the digest " + in_quotes(info.data), in_quotes(run.data));
  }
  if (!(info.mesh == run.mesh)) tell("the mesh", to_string(info.mesh), to_string(run.mesh));
  if (info.arithmetic.build != run.arithmetic.build) {
    tell("the build", info.arithmetic.build, run.arithmetic.build);
  }
  if (info.arithmetic.ranks != run.arithmetic.ranks && !exact) {
    tell("what the ranks are", info.arithmetic.ranks, run.arithmetic.ranks);
  }
  if (!same_bits) {
    lines.push_back(
        "the last bits will differ from those of a run that never stopped" +
        std::string(
            exact ? "" : "; with --exact any mesh, transport and number of threads has the same"));
  }
  return lines;
}

}  // namespace colonnade::app
