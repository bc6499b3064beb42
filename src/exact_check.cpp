#include <algorithm>
#include <cstring>
#include <vector>

#include "check_tally.hpp"
#include "colonnade/check.hpp"
#include "sample_job.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Where `part` differs from its block of the whole tensor, in a single bit.
void compare_bits(const Parameter& part, const Tensor& whole, CheckTally& tally) {
  const Tensor block = block_of(whole, part);
  const OnHost want(block), got(part.value);
  Index different = 0;
  for (std::size_t i = 0; i < want.numbers().size(); ++i) {
    if (std::memcmp(&got.numbers()[i], &want.numbers()[i], sizeof(Scalar)) != 0) ++different;
  }
  tally.add(static_cast<double>(different), [&] { return part.name; });
}

}  // namespace

CheckLine check_exact_bits(ProcessGroup& world, const CheckedJob& checked) {
  Mesh mesh(world, checked.job.mesh);
  SampleJob job(mesh, checked.job, checked.trainer);
  ProcessGroup self = ProcessGroup::self();
  Mesh one(self, {});
  SampleJob alone(one, on_one_rank(checked.job), on_one_rank(checked.trainer));

  CheckTally tally;
  const std::vector<double> losses = job.train(), wanted = alone.train();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool same = std::memcmp(&losses[i], &wanted[i], sizeof(double)) == 0;
    tally.add(same ? 0 : 1, [&] { return "number " + std::to_string(i); });
  }
  if (world.rank() == 0) tally.count(static_cast<Index>(wanted.size()));
  for (std::size_t i = 0; i < job.model().parameters().size(); ++i) {
    const Parameter& part = *job.model().parameters()[i];
    compare_bits(part, alone.model().parameters()[i]->value, tally);
    if (world.rank() == 0) tally.count(part.global_size());
  }
  return tally.line(world, "exact: the bits of one rank, in " + std::string(scalar_name), 0);
}

}  // namespace colonnade::inline COLONNADE_PRECISION
