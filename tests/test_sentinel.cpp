// One bit of one copy on one rank is found and named; copies that are the same raise no alarm.
#include "colonnade/sentinel.hpp"

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "harness.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::JobOptions;
using harness::SteppingJob;

namespace {

/// Pairs have biases that all tensor-parallel ranks hold.
std::vector<JobOptions> all_jobs(const ProcessGroup& world) {
  std::vector<JobOptions> jobs;
  for (const MeshShape mesh : harness::meshes(world.size())) {
    JobOptions job = {.model = {.widths = {5, 11, 13, 12, 10}, .layout = Layout::pair},
                      .mesh = mesh,
                      .clip = 0.1};
    jobs.push_back(job);
    job.zero1 = true;
    jobs.push_back(job);
    if (!std::has_single_bit(static_cast<unsigned>(world.size()))) continue;
    job.model.shards = 8;
    job.row_blocks = 8;
    jobs.push_back(job);
  }
  return jobs;
}

void flip_lowest_bit(Scalar& number) {
  unsigned char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  bytes[0] ^= 1;
  std::memcpy(&number, bytes, sizeof number);
}

/// What the sentinel says, the same on all ranks; "" if nothing.
std::string alarm(SteppingJob& job) {
  const std::string said = harness::error_of([&] { Sentinel(job.training()).check(3); });
  for (const std::string& text : gather_text(job.mesh().world(), said)) CHECK(text == said);
  return said;
}

/// Flips a bit of a tensor on the last rank, expects its name or nothing, and flips it back.
void check_flip(SteppingJob& job, Tensor& tensor, const std::string& name, bool has_copies) {
  CAPTURE(name);
  ProcessGroup& world = job.mesh().world();
  const int who = world.size() - 1;
  // A piece of the moments may be empty.
  const bool flips =
      world.all_reduce(std::int64_t{world.rank() == who && !tensor.empty()}, Reduction::max) > 0;
  if (!flips) return;
  const auto flip = [&] {
    if (world.rank() == who) flip_lowest_bit(tensor.data()[tensor.size() - 1]);
  };
  flip();
  const std::string said = alarm(job);
  flip();
  if (!has_copies) {
    CHECK(said == "");
    return;
  }
  CHECK(said.find("after step 3 the copy of " + name + " on rank " + std::to_string(who) +
                  " is not that of rank") == 0);
}

}  // namespace

RANKS_TEST_CASE("ranks whose copies are the same raise no alarm", "1-8") {
  for (const JobOptions& options : all_jobs(world)) {
    CAPTURE(options.mesh.dp);
    CAPTURE(options.zero1);
    SteppingJob job(world, options);
    for (int i = 0; i < 6; ++i) {
      job.step(13);
      CHECK(alarm(job) == "");
    }
  }
}

RANKS_TEST_CASE("one bit that flips on one rank is found in every tensor that has a copy", "1-8") {
  for (const JobOptions& options : all_jobs(world)) {
    if (harness::is_slow(world) && options.zero1 == (options.mesh.dp == 1)) continue;
    CAPTURE(options.mesh.dp);
    CAPTURE(options.zero1);
    SteppingJob job(world, options);
    job.step(13);
    for (AdamW::Moments& moments : job.training().optimizer().moments()) {
      Parameter& parameter = *moments.parameter;
      if (world.size() > 2 && !parameter.is_bias) continue;
      // Of two copies the lower rank's counts: the last rank is alone in any case.
      const bool in_tp = parameter.replicated && options.mesh.tp > 1;
      const bool moments_in_dp = options.mesh.dp > 1 && !options.zero1;
      check_flip(job, parameter.value, parameter.name, options.mesh.dp > 1 || in_tp);
      check_flip(job, moments.first, "the first moment of " + parameter.name,
                 moments_in_dp || in_tp);
      check_flip(job, moments.second, "the second moment of " + parameter.name,
                 moments_in_dp || in_tp);
    }
  }
}
