// Two training steps on three ranks, one of which is late to the second. The trace of it is
// written, read again as any viewer reads it, and asked who waited for whom.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/trace.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "common.hpp"

using namespace colonnade;
using Json = nlohmann::json;

namespace {

constexpr int ranks = 3, late_rank = 1, late_step = 2;
constexpr Index batch = 4;
const char* const file = "trace.json";

// One optimizer step; in one of them a rank takes long to fetch its samples.
void train(TrainingJob& job, int number) {
  ProcessGroup& group = job.mesh().tp();
  TrainingStep step(job.model(), job.loss(), job.optimizer());
  const Span whole = group.span(Activity::step, number);
  step.begin(batch, 1);
  Tensor x, t;
  {
    const Span fetching = group.span(Activity::batch);
    x = sample_data(batch, 4, 1, "x", job.model().memory());
    t = sample_data(batch, 3, 1, "t", job.model().memory());
    if (group.rank() == late_rank && number == late_step)
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  step.add(std::move(x), std::move(t), 0);
  step.finish();
}

// How many spans of each category each rank has. Short waits depend on chance and are left out.
void print_counts(const Json& events) {
  std::map<std::string, std::vector<int>> counts;
  for (const Json& event : events) {
    if (event["ph"] != "X" || event["cat"] == "wait") continue;
    auto& of_ranks = counts[event["cat"]];
    of_ranks.resize(ranks);
    ++of_ranks[event["pid"].get<std::size_t>() - 1];  // viewers keep process 0 for themselves
  }
  std::printf("%-17s rank 0  rank 1  rank 2\n", "spans");
  for (const auto& [category, of_ranks] : counts)
    std::printf("  %-15s %6d  %6d  %6d\n", category.c_str(), of_ranks[0], of_ranks[1], of_ranks[2]);
}

// Prints each rank's longest wait, if it is a quarter of a second or more: every rank but the late
// one must have such a wait, for the late one.
bool print_long_waits(const Json& events) {
  std::map<int, std::pair<double, std::string>> longest;  // by rank: microseconds, in what for whom
  std::string in;
  for (const Json& event : events) {
    if (event["ph"] != "X") continue;
    // A wait stands behind the collective that it is a part of.
    if (event["cat"] == "collective") in = event["name"];
    if (event["cat"] != "wait" || event["dur"].get<double>() < 250e3) continue;
    auto& of_rank = longest[event["pid"].get<int>() - 1];
    of_rank = std::max(of_rank, {event["dur"], event["name"].get<std::string>() + " in " + in});
  }
  std::printf("\nlongest waits\n");
  bool right = longest.size() == ranks - 1;
  for (const auto& [rank, wait] : longest) {
    std::printf("  rank %d: %s\n", rank, wait.second.c_str());
    right &= rank != late_rank && wait.second == "wait for rank 1 in layers.0 forward all-gather";
  }
  return right;
}

// In the collectives of the tensor-parallel group.
std::int64_t bytes_in_trace(const Json& events, int rank) {
  std::int64_t bytes = 0;
  for (const Json& event : events)
    if (event["ph"] == "X" && event["cat"] == "collective" && event["pid"] == rank + 1 &&
        event["args"]["group"] == "tp")
      bytes += event["args"]["bytes sent"].get<std::int64_t>();
  return bytes;
}

bool run(ProcessGroup& world) {
  Tracer tracer(world);
  Mesh mesh(world, {.dp = 1, .tp = ranks});
  TrainingJob job(mesh, {.model = {.widths = {4, 6, 3}, .seed = 16}}, {});
  train(job, 1);
  train(job, 2);
  const std::vector<RankTrace> traces = tracer.collect();
  if (world.rank() != 0) return true;

  write_trace(file, traces);
  const Json events = Json::parse(std::ifstream(file))["traceEvents"];
  print_counts(events);
  const bool found = check("both others waited longest for rank 1", print_long_waits(events));
  const bool counted = bytes_in_trace(events, 0) == mesh.tp().total_traffic().bytes_sent;
  return check("the trace has every byte that rank 0 sent", counted) && found;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(ranks, [&](ProcessGroup& world) {
    const bool right = run(world);
    if (world.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
