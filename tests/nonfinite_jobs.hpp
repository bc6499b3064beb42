// What tests of numbers that are not finite share: the jobs that meet one, ways to make one, and
// whether all ranks say the same about it.
#pragma once

#include <bit>
#include <limits>
#include <string>
#include <vector>

#include "colonnade/nonfinite.hpp"
#include "harness.hpp"
#include "stepping_job.hpp"

namespace harness::nonfinite {

using namespace colonnade;

inline constexpr Scalar not_a_number = std::numeric_limits<Scalar>::quiet_NaN();
inline constexpr Scalar infinity = std::numeric_limits<Scalar>::infinity();
inline constexpr Scalar largest = std::numeric_limits<Scalar>::max();

/// Every way to cut a job on these ranks; one for each mesh where there are many or steps are slow.
inline std::vector<JobOptions> all_jobs(const ProcessGroup& world,
                                        const std::vector<LossKind>& losses = {
                                            LossKind::mean_square, LossKind::cross_entropy}) {
  std::vector<JobOptions> jobs;
  for (const MeshShape mesh : harness::meshes(world.size())) {
    std::vector<JobOptions> ways;
    for (const Layout layout : {Layout::pair, Layout::gather}) {
      for (const LossKind loss : losses) {
        JobOptions job = {.model = {.widths = {5, 11, 13, 12, 10}, .seed = 3, .layout = layout},
                          .loss = {.kind = loss},
                          .mesh = mesh,
                          .accumulate = 2};
        ways.push_back(job);
        job.zero1 = true;
        ways.push_back(job);
        if (!std::has_single_bit(static_cast<unsigned>(world.size()))) continue;
        job.model.shards = 8;
        job.accumulate = 1;
        job.row_blocks = 8;
        ways.push_back(job);
      }
    }
    if (harness::is_slow(world) || world.size() > 4) ways = {ways[jobs.size() % ways.size()]};
    jobs.insert(jobs.end(), ways.begin(), ways.end());
  }
  return jobs;
}

/// From one layer or tensor of a job to the next that is tried.
inline std::size_t stride(const ProcessGroup& world) {
  return world.size() > 2 ? 3 : 1;
}

inline std::string text_of(const JobOptions& job) {
  return "dp=" + std::to_string(job.mesh.dp) + ",tp=" + std::to_string(job.mesh.tp) + " " +
         std::string(to_string(job.model.layout)) + " " + std::string(to_string(job.loss.kind)) +
         (job.zero1 ? " zero1" : "") + (job.model.shards > 0 ? " exact" : "");
}

/// What NonFinite says on this rank, or "" if the work throws nothing else.
template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
  } catch (const NonFinite& error) {
    CHECK(error.is_agreed());
    return error.what();
  }
  return "";
}

/// Whether every rank has this text.
inline bool agree(ProcessGroup& world, const std::string& text) {
  bool same = true;
  for (const std::string& other : gather_text(world, text)) same = same && other == text;
  return same;
}

/// Element [row, col] of a whole parameter, or null where another rank has it.
inline Scalar* element(Parameter& parameter, Index row, Index col) {
  const Range rows = parameter.owned_rows, cols = parameter.owned_cols;
  if (row < rows.begin || row >= rows.end || col < cols.begin || col >= cols.end) return nullptr;
  return &parameter.value(row - rows.begin, col - cols.begin);
}

/// Makes the loss finite and the gradient of one weight infinite: input `unit` of the layer is huge
/// and has no weight, and the targets are far away. For relu and mean square.
inline void overflow_gradient(Mlp& model, std::size_t layer, Index unit, Tensor& x, Tensor& t) {
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = 1000;
  if (layer == 0) {
    for (Index row = 0; row < x.rows(); ++row) x(row, unit) = largest / 2;
  } else if (Scalar* bias = element(model.layers()[layer - 1]->bias(), 0, unit)) {
    *bias = largest / 2;
  }
  Parameter& weight = model.layers()[layer]->weight();
  for (Index col = 0; col < weight.cols; ++col) {
    if (Scalar* number = element(weight, unit, col)) *number = 0;
  }
}

}  // namespace harness::nonfinite
